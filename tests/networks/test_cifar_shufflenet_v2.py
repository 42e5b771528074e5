"""CIFARShuffleNetV2: structure, sizes, values against blocks of mmpretrain."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmkd.networks import CIFARShuffleNetV2
from mmkd.registry import MODELS
from tests.networks.cifar import (
    check_every_parameter_is_trained,
    check_preactivations,
    with_classifier,
    with_random_norms,
)


def test_parameters_with_a_classifier_of_100_classes():
    with torch.device('meta'):
        model = CIFARShuffleNetV2()
    assert with_classifier(model, 1024) == 1355528


@pytest.mark.parametrize('width_factor, widths', [(0.5, (48, 96, 192, 1024)), (2.0, (244, 488, 976, 2048))])
def test_every_stage_can_be_read(width_factor, widths):
    model = MODELS.build(dict(type='CIFARShuffleNetV2', width_factor=width_factor))
    sizes = [(16, 16), (8, 8), (4, 4), (4, 4)]
    assert [tuple(level.shape) for level in model(torch.randn(1, 3, 32, 32))] == [
        (1, channels, *size) for channels, size in zip(widths, sizes, strict=True)]


def test_odd_sizes_are_accepted():
    last, = CIFARShuffleNetV2(0.5, out_indices=(3,))(torch.randn(2, 3, 25, 31))
    assert last.shape == (2, 1024, 4, 4)


def test_values_are_those_of_units_of_mmpretrain():
    from mmpretrain.models.backbones.shufflenet_v2 import InvertedResidual

    init_default_scope('mmpretrain')
    model = with_random_norms(CIFARShuffleNetV2(0.5))
    feat = images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    own, expected = 24, []
    feat = model.stem(images)
    for name, channels, blocks in zip(model.res_layers, (48, 96, 192), (4, 8, 4), strict=True):
        stage = torch.nn.Sequential(
            *(InvertedResidual(channels if index else own, channels, 1 if index else 2) for index in range(blocks)))
        # Both list their layers in the order in which they compute.
        values = getattr(model, name).state_dict().values()
        stage.load_state_dict(dict(zip(stage.state_dict(), values, strict=True)))
        own, feat = channels, stage.double().eval()(feat)
        expected.append(feat)
    for found, other in zip(model(images)[:3], expected, strict=True):
        torch.testing.assert_close(found, other)


def test_stages_can_be_read_before_their_activation():
    check_preactivations(dict(type='mmkd.CIFARShuffleNetV2', width_factor=0.5), 1024, stages=3)


def test_every_parameter_is_trained():
    check_every_parameter_is_trained(CIFARShuffleNetV2(0.5))


@pytest.mark.parametrize('arguments, text', [
    (dict(width_factor=0.7), 'width_factor is 0.7, it must be one of 0.5, 1.0'), (dict(out_indices=()), 'out_indices'),
    (dict(out_indices=(4,)), r'out_indices is \(4,\)')])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        CIFARShuffleNetV2(**arguments)
