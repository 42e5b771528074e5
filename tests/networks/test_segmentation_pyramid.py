"""The neck of FRSKD's segmentation network."""
import pytest
import torch
import torch.nn.functional as F

from mmkd.networks import SegmentationPyramid
from mmkd.registry import MODELS


def maps_of(sizes, channels):
    return [torch.randn(2, width, *size) for width, size in zip(channels, sizes, strict=True)]


def test_six_levels_of_four_maps_and_every_parameter_is_trained():
    neck = MODELS.build(dict(type='mmkd.SegmentationPyramid', in_channels=[4, 6, 8, 10], out_channels=8))
    maps = neck(maps_of([(32, 48), (16, 24), (8, 12), (4, 6)], [4, 6, 8, 10]))
    sizes = [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]
    assert isinstance(maps, tuple) and [tuple(feat.shape) for feat in maps] == [(2, 8, *size) for size in sizes]
    assert neck.out_channels == [8] * 6 and len(neck.layers) == 3
    sum(feat.square().sum() for feat in maps).backward()
    assert all(parameter.grad is not None for parameter in neck.parameters())


def test_graph_in_front_of_the_layers():
    neck = SegmentationPyramid([2, 3], 4, num_layers=0, num_outs=4).eval()
    fine, coarse = maps_of([(7, 8), (4, 4)], [2, 3])
    maps = neck([fine, coarse])
    torch.testing.assert_close(maps[1], neck.laterals[1](coarse))  # the extra levels are not added to it
    torch.testing.assert_close(
        maps[0], neck.laterals[0](fine) + F.interpolate(maps[1], (7, 8), mode='bilinear', align_corners=False))
    torch.testing.assert_close(maps[2], neck.extra[0](coarse))
    torch.testing.assert_close(maps[3], neck.extra[1](maps[2]))


def test_batch_norm_of_the_official_code():
    neck = SegmentationPyramid([2, 3], 4, num_layers=1, num_outs=3)
    outside = [conv[1] for conv in (*neck.laterals, *neck.extra)]
    assert {(norm.eps, norm.momentum) for norm in outside} == {(1e-4, 0.997)}
    inside = [module for module in neck.layers.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in inside} == {(1e-5, 0.1)}


@pytest.mark.parametrize('arguments, text', [
    (dict(num_layers=-1), 'num_layers is -1, it must be at least 0'),
    (dict(num_outs=1), 'num_outs is 1, it must be at least 2'),
    (dict(out_channels=0), 'out_channels is 0'),
    (dict(in_channels=[3]), 'at least 2 levels'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        SegmentationPyramid(**{**dict(in_channels=[2, 3], out_channels=4), **arguments})


def test_features_that_do_not_fit():
    with pytest.raises(ValueError, match=r'with the channels \[2, 3\]'):
        SegmentationPyramid([2, 3], 4)(maps_of([(8, 8), (4, 4)], [2, 2]))
