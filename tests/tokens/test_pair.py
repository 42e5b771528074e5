import pytest
import torch

from mmkd.losses import contextual_loss
from mmkd.tokens import TokenPair, draw


def pair(valid=None, size=(4, 6)):
    torch.manual_seed(3)
    return TokenPair(torch.randn(2, 3, *size), torch.randn(2, 5, *size), valid)


def test_rows_are_the_positions_row_by_row():
    own, other = pair().rows()
    assert own.shape == (2, 24, 3) and other.shape == (2, 24, 5)
    assert torch.equal(own[1, 7], pair().student[1, :, 1, 1])


def test_all_images_at_once_are_the_mean_over_images():
    whole = pair().compare_images(contextual_loss)
    own, other = pair().rows()
    single = [contextual_loss(own[i : i + 1], other[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(whole, sum(single) / 2)


def test_images_are_compared_by_what_counts_of_them():
    valid = torch.zeros(2, 4, 6, dtype=torch.bool)
    valid[0, :2], valid[1, 0, :3] = True, True
    found = pair(valid).compare_images(contextual_loss)
    own, other = pair().rows()
    expected = contextual_loss(own[:1, :12], other[:1, :12]) + contextual_loss(own[1:, :3], other[1:, :3])
    torch.testing.assert_close(found, expected / 2)


def test_an_image_that_counts_nowhere_is_left_out():
    valid = torch.ones(2, 4, 6, dtype=torch.bool)
    valid[0] = False
    own, other = pair().rows()
    torch.testing.assert_close(pair(valid).compare_images(contextual_loss), contextual_loss(own[1:], other[1:]))
    none = pair(valid & False)
    none.student.requires_grad_()
    value = none.compare_images(contextual_loss)
    value.backward()
    assert value == 0 and none.student.grad.eq(0).all()


def test_a_sample_is_compared():
    sample = draw(2, 24, 5, 2048, None, torch.device('cpu'))
    own, other = (sample.of_images(tokens) for tokens in pair().rows())
    torch.testing.assert_close(pair().compare_images(contextual_loss, sample), contextual_loss(own, other))


@pytest.mark.parametrize('side, size', [(2, (2, 2)), (5, (4, 5)), (99, (4, 6))])
def test_pooling_keeps_the_mean_and_what_any_position_of_it_sees(side, size):
    valid = torch.zeros(2, 4, 6, dtype=torch.bool)
    valid[0, 0, 0] = True
    pooled = pair(valid).pooled(side)
    assert pooled.student.shape == (2, 3, *size) and pooled.teacher.shape == (2, 5, *size)
    assert pooled.valid.nonzero().tolist() == [[0, 0, 0]]
    if side == 2:
        torch.testing.assert_close(pooled.student[:, :, 1, 0], pair().student[:, :, 2:, :3].mean(dim=(2, 3)))
