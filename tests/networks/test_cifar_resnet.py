"""CIFARResNet: structure, sizes, values against blocks of mmpretrain."""

import math

import pytest
import torch
from mmengine.registry import init_default_scope

from mmkd.networks import CIFARResNet
from mmkd.registry import MODELS
from tests.networks.cifar import (
    check_every_parameter_is_trained,
    check_preactivations,
    with_classifier,
    with_random_norms,
)

WIDE = dict(base_width=64, stem_width=32)


@pytest.mark.parametrize('arguments, expected', [
    (dict(depth=20), 278324), (dict(depth=32), 472756), (dict(depth=56), 861620), (dict(depth=110), 1736564),
    (dict(depth=8, **WIDE), 1233540), (dict(depth=32, **WIDE), 7433860)])
def test_parameters_with_a_classifier_of_100_classes(arguments, expected):
    with torch.device('meta'):
        model = CIFARResNet(**arguments)
    assert with_classifier(model, 4 * arguments.get('base_width', 16)) == expected


def test_every_stage_can_be_read():
    model = MODELS.build(dict(type='CIFARResNet', depth=8, base_width=8, stem_width=4))
    maps = model(torch.randn(2, 3, 32, 32))
    assert [tuple(level.shape) for level in maps] == [(2, 8, 32, 32), (2, 16, 16, 16), (2, 32, 8, 8)]
    last, = CIFARResNet(depth=8, out_indices=(2,))(torch.randn(2, 3, 20, 12))
    assert last.shape == (2, 64, 5, 3)


def test_odd_sizes_are_accepted():
    assert CIFARResNet(depth=8)(torch.randn(2, 3, 25, 31))[-1].shape == (2, 64, 7, 8)


def test_values_are_those_of_blocks_of_mmpretrain():
    from mmpretrain.models.backbones.resnet import BasicBlock, ResLayer

    init_default_scope('mmpretrain')
    model = with_random_norms(CIFARResNet(depth=20, base_width=8, stem_width=4))
    feat = images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    expected = []
    feat = model.bn1(model.conv1(images)).relu()
    for name, (own, channels, stride) in zip(model.res_layers, [(4, 8, 1), (8, 16, 2), (16, 32, 2)], strict=True):
        layer = ResLayer(BasicBlock, 3, own, channels, expansion=1, stride=stride).double().eval()
        layer.load_state_dict(getattr(model, name).state_dict())
        feat = layer(feat)
        expected.append(feat)
    for found, other in zip(model(images), expected, strict=True):
        torch.testing.assert_close(found, other)


def test_a_shortcut_is_convolved_only_where_it_must_be():
    shortcuts = [CIFARResNet(depth=14, **more).layer1[0].downsample for more in (dict(), dict(stem_width=8))]
    assert shortcuts[0] is None and shortcuts[1] is not None
    assert all(stage[1].downsample is None for stage in (CIFARResNet(depth=14).layer1, CIFARResNet(depth=14).layer3))


def test_initial_weights():
    model = CIFARResNet(depth=8, base_width=64)
    model.init_weights()
    weight = model.layer3[0].conv2.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 256)), rel=0.02)
    assert model.layer3[0].bn2.weight.eq(1).all() and model.layer3[0].bn2.bias.eq(0).all()


def test_stages_can_be_read_before_their_activation():
    check_preactivations(dict(type='mmkd.CIFARResNet', depth=14), 64, stages=3)


def test_every_parameter_is_trained():
    check_every_parameter_is_trained(CIFARResNet(depth=14, stem_width=8))


@pytest.mark.parametrize('arguments, text', [
    (dict(depth=18), 'depth is 18, it must be 6 n'), (dict(depth=2), 'depth is 2'),
    (dict(base_width=0), 'base_width is 0'), (dict(stem_width=0), 'stem_width is 0'),
    (dict(out_indices=()), 'out_indices is'), (dict(out_indices=(3,)), r'out_indices is \(3,\)')])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        CIFARResNet(**arguments)
