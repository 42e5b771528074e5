"""CIFARVGG: structure, sizes, values against the plain formulation."""

import pytest
import torch
import torch.nn.functional as F

from mmkd.networks import CIFARVGG
from mmkd.registry import MODELS
from tests.networks.cifar import (
    check_every_parameter_is_trained,
    check_preactivations,
    with_classifier,
    with_random_norms,
)


@pytest.mark.parametrize('depth, expected', [(8, 3965028), (13, 9462180)])
def test_parameters_with_a_classifier_of_100_classes(depth, expected):
    with torch.device('meta'):
        model = CIFARVGG(depth=depth)
    assert with_classifier(model, 512) == expected


@pytest.mark.parametrize('depth, convs', [(8, 5), (11, 8), (13, 10), (16, 13), (19, 16)])
def test_number_of_convolutions(depth, convs):
    with torch.device('meta'):
        model = CIFARVGG(depth=depth)
    assert sum(isinstance(module, torch.nn.Conv2d) for module in model.modules()) == convs


@pytest.mark.parametrize('pools, sizes', [
    (3, [(32, 32), (16, 16), (8, 8), (4, 4), (4, 4)]), (4, [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]),
    (0, [(32, 32)] * 5)])
def test_every_stage_can_be_read(pools, sizes):
    maps = MODELS.build(dict(type='CIFARVGG', depth=8, pools=pools))(torch.randn(1, 3, 32, 32))
    assert [tuple(level.shape) for level in maps] == [
        (1, channels, *size) for channels, size in zip((64, 128, 256, 512, 512), sizes, strict=True)]


def test_odd_sizes_are_accepted():
    last, = CIFARVGG(depth=8, out_indices=(4,))(torch.randn(2, 3, 25, 31))
    assert last.shape == (2, 512, 3, 3)


def test_values_are_those_of_the_plain_formulation():
    model = with_random_norms(CIFARVGG(depth=13))
    feat = images = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    values = iter(model.state_dict().values())
    for stage in range(5):
        feat = F.max_pool2d(feat, 2) if 0 < stage < 4 else feat
        for _ in range(2):
            weight, bias, gain, shift, mean, variance, _count = (next(values) for _ in range(7))
            feat = F.conv2d(feat, weight, bias, padding=1)
            feat = F.batch_norm(feat, mean, variance, gain, shift).relu()
    assert next(values, None) is None
    torch.testing.assert_close(model(images)[-1], feat)


def test_initial_weights():
    model = CIFARVGG(depth=8)
    model.init_weights()
    conv = model.layer4[1]
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 512)) ** 0.5, rel=0.02)
    assert conv.bias.eq(0).all()


def test_stages_can_be_read_before_their_activation():
    check_preactivations(dict(type='mmkd.CIFARVGG', depth=8), 512, stages=5)


def test_every_parameter_is_trained():
    check_every_parameter_is_trained(CIFARVGG(depth=8))


@pytest.mark.parametrize('arguments, text', [
    (dict(depth=12), 'depth is 12, it must be one of 8, 11, 13, 16, 19'), (dict(pools=5), 'pools is 5'),
    (dict(pools=-1), 'pools is -1'), (dict(out_indices=()), 'out_indices is'),
    (dict(out_indices=(5,)), r'out_indices is \(5,\).* 3 and 4')])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        CIFARVGG(**arguments)
