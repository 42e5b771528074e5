"""FeatureKD against a plain computation."""

import torch
import torch.nn.functional as F

from tests.methods.given_maps import learner, maps_of, padded_batch, step_of, value_of
from tests.students import STUDENTS, segmentation_batch


def test_projected_maps_are_compared_by_their_mean_square(tmp_path):
    model = learner(tmp_path, 'segmentation', 'FeatureKD', weight=3.0).eval()
    batch = segmentation_batch()
    own, other = maps_of(model, step_of(model, batch))
    (parts,) = model.distill.methods.method.parts
    expected = 0
    for student, teacher, layer in zip(own, other, parts['feature'].projections, strict=True):
        projected = torch.einsum('nchw,kc->nkhw', student, layer.weight[:, :, 0, 0]) + layer.bias.view(1, -1, 1, 1)
        expected = expected + ((projected - teacher) ** 2).mean()
    torch.testing.assert_close(model.loss(*batch)['distill.method.loss_feature'], 3 * expected)


def test_maps_of_equal_channels_are_compared_as_they_are(tmp_path):
    model = learner(tmp_path, 'segmentation', 'FeatureKD', STUDENTS['segmentation'](), levels=[1]).eval()
    step = step_of(model, segmentation_batch())
    own, other = maps_of(model, step)
    assert not list(model.distill.parameters())
    torch.testing.assert_close(value_of(model, step, own, other), F.mse_loss(own[1], other[1]))


def test_padding_is_no_part_of_the_mean(tmp_path):
    model = learner(tmp_path, 'detection', 'FeatureKD', STUDENTS['detection'](), source='neck', levels=[0]).eval()
    step = step_of(model, padded_batch('detection'))
    own, other = maps_of(model, step)
    # 96 x 128 and 64 x 100 pixels at stride 4
    squares = (own[0] - other[0]) ** 2
    expected = (squares[0].sum() + squares[1, :, :16, :25].sum()) / (16 * (24 * 32 + 16 * 25))
    torch.testing.assert_close(value_of(model, step, own, other), expected)
