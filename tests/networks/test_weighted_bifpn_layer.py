"""The graph of a weighted BiFPN layer."""
import pytest
import torch

from mmkd.networks.weighted_bifpn_layer import WeightedBiFPNLayer


def feats(channels=(3, 4, 6), sizes=((8, 8), (4, 4), (2, 2))):
    return [torch.rand(2, width, *size, requires_grad=True) for width, size in zip(channels, sizes, strict=True)]


def reached(layer, level):
    maps = layer(feats())
    maps[level].square().sum().backward()
    return {name.split('.')[0] for name, parameter in layer.named_parameters() if parameter.grad is not None}


def test_finest_map_comes_from_the_top_down_path_alone():
    assert reached(WeightedBiFPNLayer([3, 4, 6], [3, 4, 6], 1), 0) == {'first_laterals', 'up', 'top_down'}


def test_coarsest_map_comes_from_everything():
    layer = WeightedBiFPNLayer([3, 4, 6], [3, 4, 6], 1)
    assert reached(layer, 2) == {'first_laterals', 'second_laterals', 'up', 'down', 'top_down', 'bottom_up'}
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_coarsest_node_has_two_inputs_and_those_between_three():
    layer = WeightedBiFPNLayer([3, 4, 6], [3, 4, 6], 2)
    assert [node.fusion.weight.numel() for node in layer.top_down] == [2, 2]
    assert [node.fusion.weight.numel() for node in layer.bottom_up] == [3, 2]
    assert {len(node.convs) for node in (*layer.top_down, *layer.bottom_up)} == {2}


@pytest.mark.parametrize('first_laterals', [True, False])
def test_without_blocks_after_resizing_and_without_first_laterals(first_laterals):
    layer = WeightedBiFPNLayer([5] * 3, [5] * 3, 1, first_laterals, resample_blocks=False)
    assert not list(layer.up.parameters()) and not list(layer.down.parameters())
    assert (layer.first_laterals is not None) is first_laterals
    assert [feat.shape for feat in layer(feats([5] * 3))] == [feat.shape for feat in feats([5] * 3)]


def test_levels_of_equal_size_are_not_resized(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError('a map was resized')

    layer = WeightedBiFPNLayer([3, 4, 6], [3, 4, 6], 1)
    for name in ('interpolate', 'max_pool2d', 'adaptive_max_pool2d'):
        monkeypatch.setattr(f'torch.nn.functional.{name}', refuse)
    assert [tuple(feat.shape[2:]) for feat in layer(feats(sizes=[(4, 4)] * 3))] == [(4, 4)] * 3
