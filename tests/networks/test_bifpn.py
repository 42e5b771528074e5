"""BiFPN as a neck."""
import copy

import pytest
import torch

from mmkd.networks import BiFPN
from mmkd.registry import MODELS

CIFAR, WIDE = [64, 128, 256, 512], [32, 64, 128]
PUBLISHED = [
    (CIFAR, 100, {64: 183794, 128: 465778, 256: 1324658}), (WIDE, 100, {64: 72173, 128: 209773, 256: 681581}),
    (CIFAR, 1000, {64: 242294, 128: 581878, 256: 1555958})]


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def pyramid(channels, side=16):
    return tuple(torch.randn(2, width, side >> level, side >> level) for level, width in enumerate(channels))


@pytest.mark.parametrize('in_channels, classes, published', PUBLISHED)
def test_parameters_of_the_official_fixed_channel_form(in_channels, classes, published):
    for channels, expected in published.items():
        with torch.device('meta'):
            neck, classifier = BiFPN(in_channels, channels), torch.nn.Linear(channels, classes)
        assert count(neck) + count(classifier) == expected


@pytest.mark.parametrize('fusion', ['weighted', 'sum'])
@pytest.mark.parametrize('num_layers', [1, 3])
@pytest.mark.parametrize('num_outs', [None, 5])
def test_every_level_comes_out_and_every_parameter_is_trained(fusion, num_layers, num_outs):
    neck = MODELS.build(dict(
        type='mmkd.BiFPN', in_channels=[4, 8, 16], out_channels=8, num_layers=num_layers, fusion=fusion,
        num_outs=num_outs))
    maps = neck(pyramid([4, 8, 16], side=32))
    sides = [32, 16, 8, 4, 2][:num_outs or 3]
    assert isinstance(maps, tuple) and [tuple(feat.shape) for feat in maps] == [(2, 8, side, side) for side in sides]
    assert neck.out_channels == [8] * len(sides)
    sum(feat.square().sum() for feat in maps).backward()
    assert all(parameter.grad is not None for parameter in neck.parameters())


@pytest.mark.parametrize('fusion', ['weighted', 'sum'])
def test_sizes_that_do_not_halve(fusion):
    neck = BiFPN([4, 8, 16], 8, 2, fusion)
    sizes = [(13, 9), (7, 5), (7, 5)]
    feats = [torch.randn(2, width, *size) for width, size in zip([4, 8, 16], sizes, strict=True)]
    assert [tuple(feat.shape[2:]) for feat in neck(feats)] == sizes


def test_lateral_of_the_sum_form_only_where_channels_differ():
    assert count(BiFPN([8, 8, 8], 8, fusion='sum')) == 5 * 4 * 8
    assert count(BiFPN([8, 4, 8], 8, fusion='sum')) == 5 * 4 * 8 + 4 * 8 + 16


@pytest.mark.parametrize('fusion', ['weighted', 'sum'])
def test_deepcopy_and_state_dict(fusion):
    neck = BiFPN([4, 8], 8, 2, fusion, num_outs=3).eval()
    feats = pyramid([4, 8])
    other = BiFPN([4, 8], 8, 2, fusion, num_outs=3).eval()
    other.load_state_dict(neck.state_dict(), strict=True)
    torch.testing.assert_close(other(feats), neck(feats))
    torch.testing.assert_close(copy.deepcopy(neck)(feats), neck(feats))


@pytest.mark.parametrize('arguments, text', [
    (dict(fusion='mean'), "fusion is 'mean', it must be one of weighted, sum"),
    (dict(num_outs=1), 'num_outs is 1, it must be at least 2'),
    (dict(num_layers=0), 'num_layers is 0'),
    (dict(out_channels=0), 'out_channels is 0'),
    (dict(in_channels=[4]), 'at least 2 levels'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        BiFPN(**{**dict(in_channels=[4, 8], out_channels=8), **arguments})


def test_features_that_do_not_fit():
    with pytest.raises(ValueError, match=r'with the channels \[4, 8\]'):
        BiFPN([4, 8], 8)(pyramid([4, 4]))


def test_neck_of_a_segmentor():
    pytest.importorskip('mmseg.models', reason='mmsegmentation is not installed', exc_type=ImportError)
    from mmengine.registry import init_default_scope
    from mmseg.registry import MODELS as SEGMENTORS
    init_default_scope('mmseg')
    model = SEGMENTORS.build(dict(
        type='EncoderDecoder', data_preprocessor=dict(type='SegDataPreProcessor'),
        backbone=dict(type='ResNetV1c', depth=18, base_channels=8, stem_channels=8, norm_cfg=dict(type='BN')),
        neck=dict(type='mmkd.BiFPN', in_channels=[8, 16, 32, 64], out_channels=8, num_layers=2),
        decode_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=8, num_classes=3),
        test_cfg=dict(mode='whole')))
    assert model.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 3, 16, 16)


def test_neck_of_a_detector():
    pytest.importorskip('mmdet.models', reason='mmdetection is not installed', exc_type=ImportError)
    from mmdet.registry import MODELS as DETECTORS
    from mmengine.registry import init_default_scope
    init_default_scope('mmdet')
    model = DETECTORS.build(dict(
        type='FCOS', data_preprocessor=dict(type='DetDataPreprocessor'),
        backbone=dict(type='ResNet', depth=18, base_channels=8, out_indices=(1, 2, 3)),
        neck=dict(type='mmkd.BiFPN', in_channels=[16, 32, 64], out_channels=8, num_layers=1, fusion='sum', num_outs=5),
        bbox_head=dict(type='FCOSHead', num_classes=3, in_channels=8, feat_channels=8, stacked_convs=1,
                       norm_cfg=None)))
    scores = model.eval()(torch.randn(1, 3, 128, 128))[0]
    assert [tuple(score.shape) for score in scores] == [(1, 3, side, side) for side in (16, 8, 4, 2, 1)]


def test_neck_of_a_classifier():
    pytest.importorskip('mmpretrain.models', reason='mmpretrain is not installed', exc_type=ImportError)
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS as CLASSIFIERS
    init_default_scope('mmpretrain')
    model = CLASSIFIERS.build(dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8, stem_channels=8, out_indices=(0, 1, 2, 3)),
        neck=[dict(type='mmkd.BiFPN', in_channels=[8, 16, 32, 64], out_channels=8, num_layers=1),
              dict(type='GlobalAveragePooling')],
        head=dict(type='LinearClsHead', num_classes=5, in_channels=8)))
    model.eval()
    assert model.extract_feat(torch.randn(2, 3, 32, 32))[-1].shape == (2, 8)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 5)
