"""ReviewKD: what of its parts meets which level of the teacher."""

import torch

from mmkd.losses import hierarchical_context_loss
from tests.methods.given_maps import learner, maps_of, padded_batch, step_of, value_of
from tests.students import segmentation_batch


def test_fused_levels_are_compared_by_their_hierarchical_context(tmp_path):
    model = learner(tmp_path, 'segmentation', 'ReviewKD', weight=5.0).eval()
    batch = segmentation_batch()
    own, other = maps_of(model, step_of(model, batch))
    part = model.distill.methods.method.parts[0]['review']
    deeper, expected = None, 0
    for fusion, student, teacher in reversed(list(zip(part.fusions, own, other, strict=True))):
        output, deeper = fusion(student, deeper)
        expected = expected + hierarchical_context_loss(output, teacher)
    torch.testing.assert_close(model.loss(*batch)['distill.method.loss_review'], 5 * expected)


def test_a_level_of_the_teacher_reaches_the_deeper_levels_of_the_student_alone(tmp_path):
    model = learner(tmp_path, 'segmentation', 'ReviewKD').eval()
    step = step_of(model, segmentation_batch())
    own, other = maps_of(model, step)
    before = value_of(model, step, own, other)
    changed = [level.clone() for level in other]
    changed[2] = changed[2] + 1
    slopes = torch.autograd.grad(value_of(model, step, own, changed) - before, own)
    assert [bool(slope.abs().sum() > 0) for slope in slopes] == [False, False, True, True]


def test_padding_is_left_out(tmp_path):
    model = learner(tmp_path, 'detection', 'ReviewKD', source='neck', levels=[0]).eval()
    step = step_of(model, padded_batch('detection'))
    own, other = maps_of(model, step)
    mask = torch.ones(2, 24, 32).bool()
    mask[1, 16:] = mask[1, :, 25:] = False
    (fusion,) = model.distill.methods.method.parts[0]['review'].fusions
    output, _ = fusion(own[0], None, mask)
    torch.testing.assert_close(value_of(model, step, own, other), hierarchical_context_loss(output, other[0], mask))


def test_maps_from_before_the_last_activation(tmp_path):
    model = learner(tmp_path, 'segmentation', 'ReviewKD', source='preactivation')
    for network in (model, model.distill.teachers[0].model):
        for module in network.backbone.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(module.weight)  # those of the last norms of blocks begin with 0
    own, other = maps_of(model, step_of(model, segmentation_batch()))
    assert all((level < 0).any() for level in (*own, *other))
    assert model.loss(*segmentation_batch())['distill.method.loss_review'] > 0
