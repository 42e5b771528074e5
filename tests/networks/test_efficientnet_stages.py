"""EfficientNet read at four depths, and the size of the paper's whole network."""
import pytest
import torch

pytest.importorskip('mmpretrain.models', reason='mmpretrain is not installed', exc_type=ImportError)

from mmpretrain.models import EfficientNet

from mmkd.networks import EfficientNetStages, SegmentationBiFPNSelfTeacher, SegmentationPyramid
from mmkd.registry import MODELS

CHANNELS = dict(b0=[24, 40, 80, 320], b1=[24, 40, 80, 320], b2=[24, 48, 88, 352])
# total of the official network, the convolutions it never uses, one head
PUBLISHED = dict(b0=(64, 4327590, 74112, 196629), b1=(88, 7127946, 139920, 251925), b2=(112, 8592940, 226464, 307221))


def count(*modules):
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.mark.parametrize('arch', ['b0', 'b1', 'b2'])
def test_channels_strides_and_published_parameters(arch):
    backbone = MODELS.build(dict(type='mmkd.EfficientNetStages', arch=arch))
    maps = backbone.eval()(torch.randn(1, 3, 64, 96))
    assert backbone.out_channels == [feat.shape[1] for feat in maps] == CHANNELS[arch]
    assert [tuple(feat.shape[2:]) for feat in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    channels, total, unused, head = PUBLISHED[arch]
    neck = SegmentationPyramid(backbone.out_channels, channels)
    self_teacher = SegmentationBiFPNSelfTeacher(neck.out_channels)
    assert count(backbone, neck, self_teacher) + 2 * head == total - unused


def test_checkpoint_of_mmpretrain_loads_and_gives_its_features(tmp_path):
    full = EfficientNet('b0', out_indices=(2, 3, 5))
    full.eval()  # returns None there
    for module in full.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
    path = tmp_path / 'full.pth'
    torch.save(dict(state_dict={f'backbone.{name}': value for name, value in full.state_dict().items()}), path)
    stages = EfficientNetStages(
        'b0', out_blocks=(2, 4, 15), stem_activation=True,
        init_cfg=dict(type='Pretrained', checkpoint=str(path), prefix='backbone.'))
    stages.init_weights()
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(stages.eval()(images), full(images))
    assert {name for name in full.state_dict() if not name.startswith('layers.6.')} == set(stages.state_dict())


def test_stem_activation():
    stages = EfficientNetStages('b0').eval()
    images = torch.randn(1, 3, 32, 32)
    plain = stages.layers[0](images)
    assert plain.min() < -0.3  # a swish stays above -0.279
    stages.layers[0].with_activation = True
    torch.testing.assert_close(torch.nn.functional.silu(plain), stages.layers[0](images))
    assert not EfficientNetStages('b0').layers[0].with_activation
    assert EfficientNetStages('b0', stem_activation=True).layers[0].with_activation


def test_norm_and_drop_path():
    stages = EfficientNetStages('b0')
    norms = [module for module in stages.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    assert not [module for module in stages.modules() if type(module).__name__ == 'DropPath']
    dropping = EfficientNetStages('b0', drop_path_rate=0.2)
    assert len([module for module in dropping.modules() if type(module).__name__ == 'DropPath']) == 15


@pytest.mark.parametrize('arguments, text', [
    (dict(arch='b9'), "arch is 'b9', it must be one of b0, b1, b2"),
    (dict(out_blocks=(3, 1)), 'must be ascending and from 0 to 15 for b0'),
    (dict(out_blocks=(3, 16)), r'out_blocks is \[3, 16\]'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        EfficientNetStages(**arguments)
