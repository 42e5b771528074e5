"""Fast normalised fusion."""
import pytest
import torch

from mmkd.networks.fusion import FastNormalizedFusion


@pytest.mark.parametrize('weights, expected', [
    ([1, 1], 0.49999975 * 4), ([1, 1, 1], 0.3333332222 * 9), ([2, -5], 2 / 2.000001)])
def test_by_hand(weights, expected):
    fusion = FastNormalizedFusion(len(weights))
    assert fusion.weight.tolist() == [1.0] * len(weights)
    fusion.weight.data.copy_(torch.tensor(weights))
    feats = [torch.full((1, 1, 1, 1), value) for value in (1.0, 3.0, 5.0)[:len(weights)]]
    assert fusion(*feats).item() == pytest.approx(expected, rel=1e-6)


def test_weights_are_trained():
    fusion = FastNormalizedFusion(2)
    fusion(torch.ones(1, 1, 1, 1), 3 * torch.ones(1, 1, 1, 1)).sum().backward()
    assert fusion.weight.grad.tolist() == pytest.approx([-0.5, 0.5], rel=1e-4)


def test_half_maps_stay_half():
    feat = torch.ones(1, 1, 2, 2, dtype=torch.float16)
    assert FastNormalizedFusion(2)(feat, feat).dtype == torch.float16
