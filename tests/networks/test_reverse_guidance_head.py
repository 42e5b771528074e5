"""ReverseGuidanceHead against recorded numbers, and on maps that the published code cannot read."""
import pytest
import torch

from mmkd.networks import ReverseGuidanceHead
from mmkd.registry import MODELS
from tests import reference
from tests.networks.filling import _fill, _index, features, stats


def filled(in_channels, num_classes):
    head = ReverseGuidanceHead(in_channels, num_classes).double()
    for phase, unit in enumerate([head.gate[0], *head.units]):
        for half, conv in enumerate(unit):
            _fill(conv, phase + 0.1 * half)
    _fill(head.gate[1], 0.2)
    _fill(head.classifier, 3.0)
    head.classifier.bias.data.copy_(0.01 * _index(head.classifier.bias).sin())
    return head


@pytest.mark.parametrize('index', range(3))
def test_reference(index):
    case = reference.load('lightskd')['networks']['reverse_guidance_head']['cases'][index]
    head = filled(case['in_channels'], case['num_classes']).train(case['mode'] == 'train')
    feat = features([case['in_channels']], [case['size']])[0]
    gate = head.gate_of(feat)
    torch.testing.assert_close(stats(gate), torch.tensor(case['gate_stats'], dtype=torch.float64), rtol=1e-7, atol=1e-9)
    assert [gate.min().item(), gate.max().item()] == pytest.approx(case['gate_min_max'])
    again = filled(case['in_channels'], case['num_classes']).train(case['mode'] == 'train')
    torch.testing.assert_close(again(feat), torch.tensor(case['logits'], dtype=torch.float64), rtol=1e-7, atol=1e-9)
    assert sum(parameter.numel() for parameter in head.parameters()) == case['parameters']


@pytest.mark.parametrize('channels, classes', [(64, 100), (128, 100), (12, 7)])
def test_parameters_follow_the_formula(channels, classes):
    head = MODELS.build(dict(type='mmkd.ReverseGuidanceHead', in_channels=channels, num_classes=classes))
    expected = 17 * channels ** 2 + 96 * channels + 4 * channels * classes + classes
    assert sum(parameter.numel() for parameter in head.parameters()) == expected


@pytest.mark.parametrize('size', [(1, 1), (7, 5), (16, 9)])
@pytest.mark.parametrize('batch', [1, 3])
@pytest.mark.parametrize('gate', [True, False])
def test_maps_of_any_size_train_every_parameter(size, batch, gate):
    torch.manual_seed(0)
    head = ReverseGuidanceHead(4, 3, gate)
    head(torch.rand(batch, 4, *size)).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())


def test_bad_arguments_are_explained():
    with pytest.raises(ValueError, match='num_classes is 0, it must be at least 1'):
        ReverseGuidanceHead(4, 0)
    with pytest.raises(ValueError, match=r'must be \(N, 4, H, W\)'):
        ReverseGuidanceHead(4, 3)(torch.rand(2, 5, 8, 8))
