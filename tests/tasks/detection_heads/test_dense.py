import functools

import pytest
import torch
from mmdet.models.dense_heads import GFLHead
from mmdet.models.task_modules.assigners import DynamicSoftLabelAssigner

from mmkd.tasks import task_of
from tests.detectors import DENSE, batch, plain, student, taken, total
from tests.tasks.detection_heads.boxes import around, giou_distance, moved

NAMES = (*DENSE, 'softmax_retinanet')


@functools.cache
def one_step(name):
    """A plain detector with a step of a padded batch, and what a second head makes of other maps."""
    model = plain(name)
    head = task_of(model).build_head(model, [16] * 5, None)
    if name == 'rtmdet':
        # It predicts distances without an activation: as it starts, hardly any four of them make a box.
        for convolution in (*model.bbox_head.rtm_reg, *head.rtm_reg):
            torch.nn.init.constant_(convolution.bias, 1.0)
    losses, step = taken(model, batch())
    features = step.features('neck')
    torch.manual_seed(1)
    output = step.task.head_output(step, head, [level + torch.randn_like(level) for level in features])
    return model, losses, step, output


def pictures(levels, channels):
    """Rows (positions x anchors, channels) of each level and image, as ``(level, image, rows)``."""
    for index, level in enumerate(levels):
        for image, values in enumerate(level):
            yield index, image, values.unflatten(0, (-1, channels)).permute(2, 3, 0, 1).reshape(-1, channels)


def in_image(head, size, level, shape):
    """Whether each position of a level, once per anchor, begins in an image of a size."""
    stride = head.prior_generator.strides[level][0]
    rows, columns = torch.meshgrid(*(torch.arange(side) * stride for side in shape[-2:]), indexing='ij')
    return ((rows < size[0]) & (columns < size[1])).flatten().repeat_interleave(head.num_base_priors)


@pytest.mark.parametrize('name', NAMES)
def test_the_students_head_on_the_students_maps_has_the_students_loss_and_no_distance(name):
    model, losses, step, _ = one_step(name)
    output = step.task.head_output(step, None, step.features('neck'))
    torch.testing.assert_close(step.task.head_loss(step, None, output), total(losses), rtol=1e-4, atol=1e-6)
    assert step.task.comparable_logits(step, output).soft_target_loss(1.0).abs() < 1e-6
    assert step.task.box_loss(step, output, 1.0).abs() < 1e-5
    assert 'get_targets' not in vars(model.bbox_head)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('temperature', [1.0, 2.0])
def test_class_knowledge_is_a_mean_weighted_by_the_self_teachers_confidence(name, temperature):
    model, _, step, output = one_step(name)
    head, softmax = model.bbox_head, name.startswith('softmax')
    channels = 4 if softmax else 3
    scores = step.logits()
    value = weights = 0
    for own, other in zip(pictures(scores, channels), pictures(output[0], channels), strict=True):
        level, image, rows = own
        inside = in_image(head, step.data_samples[image].img_shape, level, scores[level].shape)
        own, other = rows[inside].double(), other[2][inside].double()
        if softmax:
            weight = other.softmax(1)[:, :3].amax(1)
            teacher, learner = ((values / temperature).softmax(1) for values in (other, own))
            divergence = teacher * (teacher / learner).log()
        else:
            weight = other.sigmoid().amax(1)
            teacher, learner = ((values / temperature).sigmoid() for values in (other, own))
            divergence = teacher * (teacher / learner).log() + (1 - teacher) * ((1 - teacher) / (1 - learner)).log()
        value += temperature**2 * (weight * divergence.sum(1)).sum()
        weights += weight.sum()
    found = step.task.comparable_logits(step, output).soft_target_loss(temperature)
    assert value > 0
    torch.testing.assert_close(found.double(), value / weights, rtol=1e-4, atol=1e-7)


def boxes_at_positives(head, step, predictions):
    """Decoded boxes, by the definition of the head, where its assignment is positive."""
    found = []
    labels = torch.cat([level.reshape(-1) for level in step.record['bbox_head.get_targets'][labels_at(head)]])
    priors = head.prior_generator.grid_priors([level.shape[-2:] for level in predictions], device='cpu')
    strides = [stride[0] for stride in head.prior_generator.strides]
    for level, _, rows in pictures(predictions, 4):
        if type(head).__name__.startswith(('FCOS', 'RTMDet')):
            scale = strides[level] if 'FCOS' in type(head).__name__ and head.norm_on_bbox else 1
            found.append(around(priors[level], scale * rows))
        else:
            found.append(moved(priors[level], rows, head.bbox_coder.stds))
    return torch.cat(found)[(labels >= 0) & (labels < 3)]


def labels_at(head):
    return 0 if type(head).__name__ in ('RetinaHead', 'FCOSHead') else 1


@pytest.mark.parametrize('name', [name for name in NAMES if name != 'gfl'])
def test_box_knowledge_is_the_giou_of_decoded_boxes_at_positives(name):
    model, _, step, output = one_step(name)
    own = boxes_at_positives(model.bbox_head, step, step.record['bbox_head.loss_by_feat:input']['bbox_preds'])
    other = boxes_at_positives(model.bbox_head, step, output[1])
    assert len(own) > 3
    found = step.task.box_loss(step, output, 1.0)
    boxes = [(rows[:, 2:] > rows[:, :2]).all(1) for rows in (own, other)]
    assert boxes[0].all() or name == 'rtmdet'
    both = boxes[0] & boxes[1]
    assert both.any()
    torch.testing.assert_close(found.double(), giou_distance(own[both], other[both]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('temperature', [1.0, 3.0])
def test_box_knowledge_of_distances_is_the_divergence_of_their_distributions(temperature):
    model, _, step, output = one_step('gfl')
    bins = model.bbox_head.reg_max + 1
    labels = torch.cat([level.reshape(-1) for level in step.record['bbox_head.get_targets'][1]])
    heard = step.record['bbox_head.loss_by_feat:input']['bbox_preds']
    own, other = (torch.cat([rows for _, _, rows in pictures(levels, 4 * bins)]) for levels in (heard, output[1]))
    values = []
    for index in ((labels >= 0) & (labels < 3)).nonzero().flatten():
        for side in range(4):
            teacher, learner = (
                (rows[index, side * bins : (side + 1) * bins].double() / temperature).softmax(0)
                for rows in (other, own)
            )
            values.append(temperature**2 * (teacher * (teacher / learner).log()).sum())
    found = step.task.box_loss(step, output, temperature)
    torch.testing.assert_close(found.double(), torch.stack(values).mean(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize('name', ['retinanet', 'rtmdet'])
def test_what_is_predicted_in_the_padding_has_no_weight(name):
    model, _, step, output = one_step(name)
    found = step.task.comparable_logits(step, output)
    spoilt = [level.detach().clone() for level in output[0]]
    for index, level in enumerate(spoilt):
        rows = torch.arange(level.shape[2]) * model.bbox_head.prior_generator.strides[index][1]
        level[1, :, rows >= 64] = float('nan')
    again = step.task.comparable_logits(step, (spoilt, *output[1:]))
    assert found.weight.gt(0).sum() < len(found.weight)
    assert again.teacher.isnan().any()
    assert again.soft_target_loss(1.0) == found.soft_target_loss(1.0)
    (slope,) = torch.autograd.grad(found.soft_target_loss(1.0), step.logits()[0], retain_graph=True)
    assert slope[1, :, 8:].eq(0).all() and slope[1, :, :8, :12].ne(0).any()


def test_a_positive_anchor_outside_the_image_teaches_no_box():
    images, samples = batch(counts=(1, 1))
    # Half of the anchor of 32 x 32 at the first row of padding is this box, and one half is enough.
    samples[1].gt_instances.bboxes[0] = torch.tensor([8.0, 48.0, 40.0, 64.0])
    _, step = taken(plain('retinanet'), (images, samples))
    labels = step.record['bbox_head.get_targets'][0][0].view(2, 12, 16, 9)
    assert (labels[1, 8] < 3).any() and (labels[1, :8] < 3).any()
    output = step.task.head_output(step, None, [level + 1 for level in step.features('neck')])
    predicted = step.record['bbox_head.loss_by_feat:input']['bbox_preds'][0]
    (slope,) = torch.autograd.grad(step.task.box_loss(step, output, 1.0), predicted)
    assert slope[1, :, 8:].eq(0).all() and slope[1, :, :8].ne(0).any()


def counting(monkeypatch, owner, name, results):
    function = getattr(owner, name)

    def counted(*args, **kwargs):
        results.append(function(*args, **kwargs))
        return results[-1]

    monkeypatch.setattr(owner, name, counted)


@pytest.mark.parametrize('name', ['rtmdet', 'atss', 'fcos'])
@pytest.mark.parametrize('share_head', [False, True])
def test_one_assignment_serves_both_heads(name, share_head, monkeypatch):
    model = student(name, share_head=share_head)
    head = model.bbox_head if share_head else model.distill.methods['frskd'].head
    loss = head.loss_by_feat
    given, assigned, used = [], [], []

    @functools.wraps(loss)
    def watched(*args, **kwargs):
        used.append(vars(head).get('get_targets'))
        return loss(*args, **kwargs)

    monkeypatch.setattr(head, 'loss_by_feat', watched)
    counting(monkeypatch, type(head), 'get_targets', given)
    counting(monkeypatch, DynamicSoftLabelAssigner, 'assign', assigned)
    model.loss(*batch())
    assert len(given) == 1
    assert len(assigned) == (2 if name == 'rtmdet' else 0), 'once per image'
    assert len(used) == (2 if share_head else 1)
    assert used[-1]() is given[0]
    assert 'get_targets' not in vars(head)


def test_an_error_in_the_second_loss_leaves_the_head_as_it_was():
    model, _, step, output = one_step('fcos')
    with pytest.raises(TypeError):
        step.task.head_loss(step, None, (output[0],))
    assert 'get_targets' not in vars(model.bbox_head)


def test_images_without_boxes_teach_no_box():
    _, step = taken(plain('gfl'), batch(counts=(0, 0)))
    output = step.task.head_output(step, None, step.features('neck'))
    value = step.task.box_loss(step, output, 1.0)
    assert value == 0 and value.requires_grad
    assert isinstance(step.student.bbox_head, GFLHead)
