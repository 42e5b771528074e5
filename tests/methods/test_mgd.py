"""MGD against a plain computation, and its random masks."""

import pytest
import torch
import torch.nn.functional as F

from tests.methods.given_maps import learner, maps_of, padded_batch, step_of, value_of
from tests.students import segmentation_batch


def generated(part, level, own, mask):
    """What the block of a level makes of a map, masked by given zeros and ones."""
    first, _, second = part.blocks[level]
    hidden = F.conv2d(part.connectors.projections[level](own) * mask, first.weight, first.bias, padding=1).clamp(min=0)
    return F.conv2d(hidden, second.weight, second.bias, padding=1)


@pytest.mark.parametrize('mask_channels', [False, True])
def test_squares_are_summed_per_image(tmp_path, mask_channels):
    arguments = dict(levels=[-1], mask_ratio=0.4, mask_channels=mask_channels, weight=2e-5)
    model = learner(tmp_path, 'segmentation', 'MGD', **arguments).eval()
    step = step_of(model, segmentation_batch(size=64))
    own, other = maps_of(model, step)
    torch.manual_seed(0)
    mask = (torch.rand((2, 128, 1, 1) if mask_channels else (2, 1, 2, 2)) >= 0.4).float()
    assert 0 < mask.mean() < 1
    part = model.distill.methods.method.parts[0]['feature']
    expected = ((generated(part, 0, own[-1], mask) - other[-1]) ** 2).sum() / 2
    torch.testing.assert_close(value_of(model, step, own, other), expected)


def test_padding_is_no_part_of_the_sum(tmp_path):
    model = learner(tmp_path, 'detection', 'MGD', source='neck', levels=[0], mask_ratio=0).eval()
    step = step_of(model, padded_batch('detection'))
    own, other = maps_of(model, step)
    part = model.distill.methods.method.parts[0]['feature']
    inside = torch.ones(2, 1, 24, 32)
    inside[1, :, 16:] = inside[1, :, :, 25:] = 0
    expected = (inside * (generated(part, 0, own[0], inside) - other[0]) ** 2).sum() / 2
    torch.testing.assert_close(value_of(model, step, own, other), expected)


def test_another_mask_at_every_step(tmp_path):
    model = learner(tmp_path, 'segmentation', 'MGD').eval()
    batch = segmentation_batch()
    values = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        values.append(model.loss(*batch)['distill.method.loss_feature'])
    assert values[0] == values[1] != values[2]


@pytest.mark.parametrize('mask_ratio', [-0.1, 1, float('nan')])
def test_illegal_ratios_are_refused(tmp_path, mask_ratio):
    with pytest.raises(ValueError, match=r'MGD has mask_ratio=.*, but it must be at least 0 and below 1'):
        learner(tmp_path, 'segmentation', 'MGD', mask_ratio=mask_ratio)
