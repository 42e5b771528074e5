import math

import pytest
import torch

from mmkd.tasks.comparable import ComparableLogits

FAIR = torch.zeros(2, 2)
SURE = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), math.log(3.0)]])
COIN = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of a coin of 3/4 from a fair one


def test_without_a_mask_every_position_counts():
    assert ComparableLogits(FAIR, SURE).soft_target_loss(1.0).item() == pytest.approx(COIN / 2)


def test_a_mask_leaves_positions_out():
    mask = torch.tensor([True, False])
    assert ComparableLogits(FAIR, SURE, mask).soft_target_loss(1.0).item() == pytest.approx(COIN)


@pytest.mark.parametrize('binary, distances', [(False, (COIN, 0.0)), (True, (COIN, 2 * COIN))])
def test_rows_are_weighted_and_their_weights_are_the_divisor(binary, distances):
    weight = torch.tensor([1.0, 3.0])
    logits = ComparableLogits(FAIR, SURE, weight=weight, binary=binary)
    assert logits.soft_target_loss(1.0).item() == pytest.approx((distances[0] + 3 * distances[1]) / 4, rel=1e-5)


def test_the_temperature_softens_both_and_its_square_makes_up_for_it():
    for binary in (False, True):
        hot = ComparableLogits(FAIR, 2 * SURE, binary=binary).soft_target_loss(2.0)
        torch.testing.assert_close(hot, 4 * ComparableLogits(FAIR, SURE, binary=binary).soft_target_loss(1.0))
