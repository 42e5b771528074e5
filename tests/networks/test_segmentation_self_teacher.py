"""The self-teacher of FRSKD's segmentation network."""
import copy

import pytest
import torch

from mmkd.networks import SegmentationBiFPNSelfTeacher
from mmkd.registry import MODELS


def feats(channels=4):
    return [torch.randn(2, channels, side, side) for side in (8, 4, 2)]


@pytest.mark.parametrize('channels, expected', [(64, 4352), (88, 5984), (112, 7616)])
def test_published_parameters(channels, expected):
    model = SegmentationBiFPNSelfTeacher([channels] * 6)
    assert sum(parameter.numel() for parameter in model.parameters()) == expected


def test_is_called_like_the_other_self_teacher():
    model = MODELS.build(dict(type='mmkd.SegmentationBiFPNSelfTeacher', in_channels=[4, 4, 4]))
    given = feats()
    maps, logits = model(given)
    assert logits is None and model.out_channels == [4, 4, 4]
    assert [feat.shape for feat in maps] == [feat.shape for feat in given]
    assert all(feat.min() >= 0 for feat in maps)


def test_finest_map_trains_every_parameter():
    model = SegmentationBiFPNSelfTeacher([4, 4, 4])
    given = [feat.requires_grad_() for feat in feats()]
    model(given)[0][0].square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(feat.grad.abs().sum() > 0 for feat in given)


def test_deepcopy_and_state_dict():
    model = SegmentationBiFPNSelfTeacher([4, 4, 4]).eval()
    other = SegmentationBiFPNSelfTeacher([4, 4, 4]).eval()
    other.load_state_dict(model.state_dict(), strict=True)
    given = feats()
    torch.testing.assert_close(other(given)[0], model(given)[0])
    torch.testing.assert_close(copy.deepcopy(model)(given)[0], model(given)[0])


@pytest.mark.parametrize('arguments, text', [
    (dict(in_channels=[4, 8]), 'all levels must have the same channels'),
    (dict(in_channels=[4]), 'at least 2 levels'),
    (dict(in_channels=[4, 4], num_layers=0), 'num_layers is 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        SegmentationBiFPNSelfTeacher(**arguments)
