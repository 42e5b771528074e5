"""The segmentation BiFPN layer against the recorded numbers of the official one."""
import json

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.networks.segmentation_bifpn_layers import SegmentationBiFPNLayer, SegmentationBiFPNLayers
from tests import reference
from tests.networks.filling import features, fill_channel_scale, stats

NUMBERS = reference.FOLDER / 'frskd.json'
EMPTY = dict(cases=[], parameters_by_channels={})
RECORDED = json.loads(NUMBERS.read_text())['networks']['segmentation_bifpn_layer'] if NUMBERS.is_file() else EMPTY
needs_numbers = pytest.mark.skipif(RECORDED is EMPTY, reason='no reference numbers: ../shared/reference is absent')


def filled(channels, levels, bottom_up):
    layer = SegmentationBiFPNLayer(channels, levels, bottom_up).double().eval()
    for index, conv in enumerate(layer.top_down):
        fill_channel_scale(conv, 2 + index)
    for index, conv in enumerate(layer.bottom_up or ()):
        fill_channel_scale(conv, 3.5 + index)
    return layer


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@needs_numbers
@pytest.mark.parametrize('case', RECORDED['cases'], ids=lambda case: f'is_last={case["is_last"]}')
def test_forward(case):
    layer = filled(RECORDED['channels'], len(RECORDED['sizes']), not case['is_last'])
    feats = features([RECORDED['channels']] * len(RECORDED['sizes']), RECORDED['sizes'], batch=1)
    maps = layer(feats)
    assert count(layer) == case['parameters']
    assert [list(feat.shape) for feat in maps] == case['map_shapes']
    for feat, expected in zip(maps, case['map_stats'], strict=True):
        torch.testing.assert_close(stats(feat), torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-8)
    for feat, expected in zip(maps[-2:], case['coarsest_two'], strict=True):
        torch.testing.assert_close(feat, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-8)


@needs_numbers
@pytest.mark.parametrize('channels', RECORDED['parameters_by_channels'])
def test_parameter_counts(channels):
    expected = RECORDED['parameters_by_channels'][channels]
    assert count(SegmentationBiFPNLayer(int(channels), 6)) == expected['normal']
    assert count(SegmentationBiFPNLayer(int(channels), 6, bottom_up=False)) == expected['is_last_registered']


def test_by_hand_without_scale():
    layer = SegmentationBiFPNLayer(1, 2).eval()
    for conv in (*layer.top_down, *layer.bottom_up):
        conv[0].weight.data.fill_(1)
        conv[0].bias.data.zero_()
        conv[1].eps = 1e-9
    fine, coarse = torch.tensor([[[[1.0, 2.0], [3.0, -9.0]]]]), torch.tensor([[[[4.0]]]])
    maps = layer([fine, coarse])
    torch.testing.assert_close(maps[0], torch.tensor([[[[5.0, 6.0], [7.0, 0.0]]]]))
    torch.testing.assert_close(maps[1], torch.tensor([[[[13.0]]]]))  # 4 + top-down 4 + nearest 5


@pytest.mark.parametrize('last, expected', [(False, [True, True]), (True, [True, False])])
def test_last_layer_may_end_after_its_top_down_pass(last, expected):
    layers = SegmentationBiFPNLayers(4, 3, 2, last_without_bottom_up=last)
    assert [layer.bottom_up is not None for layer in layers] == expected


def test_gradcheck():
    layer = filled(2, 3, True)
    feats = [(feat.detach() + 0.05).requires_grad_() for feat in features([2] * 3, [(5, 4), (3, 2), (2, 1)], batch=1)]
    assert gradcheck(lambda *levels: layer(levels), feats)
