"""AttentionTransfer against a plain computation."""

import pytest
import torch

from tests.methods.given_maps import learner, maps_of, padded_batch, step_of, value_of
from tests.students import segmentation_batch


def attention(maps):
    energy = (maps**2).mean(dim=1).flatten(1)
    return energy / (energy**2).sum(dim=1, keepdim=True).sqrt()


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_maps_of_attention_are_compared_level_by_level(tmp_path, reduction):
    model = learner(tmp_path, 'segmentation', 'AttentionTransfer', weight=1000.0, reduction=reduction).eval()
    batch = segmentation_batch()
    own, other = maps_of(model, step_of(model, batch))
    squares = [(attention(student) - attention(teacher)) ** 2 for student, teacher in zip(own, other, strict=True)]
    expected = sum(square.mean() if reduction == 'mean' else square.sum() / 2 for square in squares)
    torch.testing.assert_close(model.loss(*batch)['distill.method.loss_attention'], 1000 * expected)
    assert not list(model.distill.parameters())


def test_padding_gets_no_attention(tmp_path):
    model = learner(tmp_path, 'detection', 'AttentionTransfer', source='neck', levels=[0], reduction='sum').eval()
    step = step_of(model, padded_batch('detection'))
    own, other = (side[0] for side in maps_of(model, step))
    images = [(own[:1], other[:1]), (own[1:, :, :16, :25], other[1:, :, :16, :25])]
    expected = sum(((attention(student) - attention(teacher)) ** 2).sum() for student, teacher in images) / 2
    torch.testing.assert_close(value_of(model, step, [own], [other]), expected)
