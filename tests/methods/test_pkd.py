"""PKD against NumPy's correlations."""

import numpy as np
import pytest
import torch

from tests.methods.given_maps import learner, maps_of, padded_batch, step_of, value_of
from tests.students import STUDENTS, detection_batch


def correlation_loss(own, other):
    """The mean of 1 - r over the channels of rows (C, M)."""
    pairs = zip(own.detach().double().numpy(), other.detach().double().numpy(), strict=True)
    return np.mean([1 - np.corrcoef(*pair)[0, 1] for pair in pairs])


def rows(level, height, width):
    """The channels of two images, of the second only a part."""
    return torch.cat([level[0].flatten(1), level[1, :, :height, :width].flatten(1)], dim=1)


def test_channels_of_the_necks_levels_are_correlated_over_the_batch_without_its_padding(tmp_path):
    levels = [0, 1]
    model = learner(tmp_path, 'detection', 'PKD', STUDENTS['detection'](), weight=6.0, levels=levels).eval()
    batch = padded_batch('detection')
    own, other = maps_of(model, step_of(model, batch))
    # 64 x 100 pixels at strides 4 and 8
    sizes = [(16, 25), (8, 13)]
    expected = sum(
        correlation_loss(rows(own[level], *size), rows(other[level], *size))
        for level, size in zip(levels, sizes, strict=True)
    )
    assert model.loss(*batch)['distill.method.loss_feature'].item() == pytest.approx(6 * expected, rel=1e-3)


def test_magnitudes_of_the_teacher_change_nothing(tmp_path):
    model = learner(tmp_path, 'detection', 'PKD').eval()
    step = step_of(model, detection_batch())
    own, other = maps_of(model, step)
    louder = [1000 * level + 7 for level in other]
    torch.testing.assert_close(
        value_of(model, step, own, louder), value_of(model, step, own, other), rtol=1e-2, atol=1e-3)


def test_a_classifier_says_where_its_maps_are(tmp_path):
    with pytest.raises(ValueError, match='neck'):
        learner(tmp_path, 'classification', 'PKD')
    learner(tmp_path, 'classification', 'PKD', source='backbone')
