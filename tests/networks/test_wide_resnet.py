"""WideResNet: structure, sizes, values against the plain formulation."""
import math

import pytest
import torch
import torch.nn.functional as F

from mmkd.networks import WideResNet
from mmkd.registry import MODELS


def parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize('arguments, expected', [
    (dict(depth=16, widen_factor=2), 703284), (dict(depth=16, widen_factor=2, block_norm=False), 702804),
    (dict(depth=40, widen_factor=2), 2255156), (dict(depth=28, widen_factor=10), 36536884)])
def test_parameters_with_a_classifier_of_100_classes(arguments, expected):
    channels = 64 * arguments['widen_factor']
    with torch.device('meta'):
        model = WideResNet(**arguments)
    assert parameters(model) + 100 * channels + 100 == expected


def test_every_stage_can_be_read_rectified():
    model = MODELS.build(dict(type='WideResNet', depth=10, widen_factor=2))
    maps = model(torch.randn(2, 3, 32, 32))
    assert [tuple(level.shape) for level in maps] == [(2, 32, 32, 32), (2, 64, 16, 16), (2, 128, 8, 8)]
    assert all(level.min() == 0 for level in maps)
    last, = WideResNet(depth=10, out_indices=(2,))(torch.randn(2, 3, 20, 12))
    assert last.shape == (2, 128, 5, 3)


def test_odd_sizes_are_accepted():
    assert WideResNet(depth=10)(torch.randn(2, 3, 25, 25))[-1].shape == (2, 128, 7, 7)


def plain(model, images, widen_factor):
    """The formulation of the paper: every block starts with its batch norm and ReLU, the last pair follows the end."""
    feat, pending = model.conv1(images), None
    for name in model.res_layers:
        stage = getattr(model, name)
        for block_name, block in stage.named_children():
            if not block_name.startswith('block'):
                continue
            norm = block.norm1 if pending is None else pending
            pending = None
            active = norm(feat).relu()
            out = block.conv2(block.norm2(block.conv1(active)).relu())
            feat = out + (feat if block.shortcut is None else block.shortcut(active))
        pending = stage.norm
    return pending(feat).relu()


@pytest.mark.parametrize('widen_factor', [1, 2])
def test_values_are_those_of_the_plain_formulation(widen_factor):
    model = WideResNet(depth=16, widen_factor=widen_factor).double().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
    assert (model.layer1[0].shortcut is None) == (widen_factor == 1)
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(model(images)[-1], plain(model, images, widen_factor))


def test_without_batch_norm_blocks_read_the_rectified_sum():
    model = WideResNet(depth=16, block_norm=False).double().eval()
    second = model.layer1[1]
    feat = torch.randn(2, 32, 8, 8, dtype=torch.float64)
    expected = feat + second.conv2(second.norm2(second.conv1(feat.relu())).relu())
    torch.testing.assert_close(second(feat), expected)


def test_initial_weights():
    model = WideResNet(depth=16)
    model.init_weights()
    weight = model.layer3[1].conv2.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 128)), rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=1e-3)
    assert model.layer3.norm.weight.eq(1).all() and model.layer3.norm.bias.eq(0).all()


def test_dropout_is_random_in_training_only():
    model = WideResNet(depth=10, dropout=0.5)
    images = torch.randn(2, 3, 8, 8)
    assert not torch.equal(model(images)[-1], model(images)[-1])
    model.eval()
    torch.testing.assert_close(model(images)[-1], model(images)[-1], rtol=0, atol=0)


@pytest.mark.parametrize('block_norm', [True, False])
def test_every_parameter_is_trained(block_norm):
    model = WideResNet(depth=16, block_norm=block_norm)
    F.adaptive_avg_pool2d(model(torch.randn(4, 3, 16, 16))[-1], 1).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize('arguments, text', [
    (dict(depth=18), 'depth is 18, it must be 6 n'), (dict(depth=4), 'depth is 4'),
    (dict(widen_factor=0), 'widen_factor is 0'), (dict(dropout=1.0), 'dropout is 1.0'),
    (dict(out_indices=()), 'out_indices is'), (dict(out_indices=(3,)), r'out_indices is \(3,\)')])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        WideResNet(**arguments)
