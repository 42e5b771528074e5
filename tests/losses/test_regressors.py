"""The regressors that FitNet and overhaul share."""
import math

import pytest
import torch
from torch import nn

from mmkd.losses.regressors import build_regressors, regressed


@pytest.mark.parametrize('rectify', [True, False])
def test_one_convolution_and_batch_norm_per_level(rectify):
    regressors = build_regressors([4, 8], [200, 16], rectify)
    kinds = [nn.Conv2d, nn.BatchNorm2d] + [nn.ReLU] * rectify
    assert [[type(part) for part in regressor] for regressor in regressors] == [kinds, kinds]
    assert sum(parameter.numel() for parameter in regressors.parameters()) == 4 * 200 + 400 + 8 * 16 + 32
    assert regressors[0][0].weight.std().item() == pytest.approx(math.sqrt(2 / 200), rel=0.1)


@pytest.mark.parametrize('channels', [([4], [8, 8]), ([], []), ([4, 0], [8, 8])])
def test_channels_must_pair_up(channels):
    with pytest.raises(ValueError, match='both must name the same number of levels with at least 1 channel each'):
        build_regressors(*channels, rectify=True)


@pytest.mark.parametrize('student, teacher', [
    ([(2, 3, 4, 4)], [(2, 5, 4, 4)] * 2), ([(2, 3, 4, 4)] * 2, [(2, 5, 4, 4)] * 2), ([(2, 5, 4, 4)], [(2, 5, 4, 4)]),
    ([(2, 3, 4, 4)], [(2, 5, 4, 2)]), ([(2, 3, 4, 4)], [(1, 5, 4, 4)]), ([(2, 3)], [(2, 5)]), ([(2, 3, 4, 4)], [])])
def test_maps_must_be_those_of_the_channels(student, teacher):
    maps = [[torch.randn(shape) for shape in shapes] for shapes in (student, teacher)]
    with pytest.raises(ValueError, match=r'both must be \(N, C, H, W\) .* the channels \[\(3, 5\)\]'):
        regressed(build_regressors([3], [5], True), *maps, None)


def test_a_single_map_is_one_level():
    student, teacher = torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4, requires_grad=True)
    (own, target, mask), = regressed(build_regressors([3], [5], True), student, teacher, torch.ones(2, 4, 4).bool())
    assert own.shape == target.shape and own.min() >= 0
    assert own.requires_grad and not target.requires_grad and mask.shape == (2, 1, 4, 4)
