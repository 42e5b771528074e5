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


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_gradients_are_those_of_the_formula(layout):
    fusion = FastNormalizedFusion(3).double()
    fusion.weight.data.copy_(torch.tensor([1.5, 0.25, 2.0]))
    feats = [torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
             for _ in range(3)]
    assert torch.autograd.gradcheck(lambda *inputs: fusion(*inputs), feats)
    inputs = [fusion.weight, *feats]
    factor = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    found = torch.autograd.grad((fusion(*feats) * factor).sum(), inputs)
    weight = fusion.weight.relu() / (fusion.weight.relu().sum() + fusion.eps)
    plain = sum(weight[index] * feat for index, feat in enumerate(feats))
    for own, expected in zip(found, torch.autograd.grad((plain * factor).sum(), inputs), strict=True):
        torch.testing.assert_close(own, expected)
