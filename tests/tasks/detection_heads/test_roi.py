import functools

import pytest
import torch
from mmdet.models.task_modules.samplers import RandomSampler

from tests.detectors import batch, batch_of, plain, student, taken
from tests.tasks.detection_heads.boxes import giou_distance, moved

HEARD = 'roi_head.bbox_head.loss_and_target:input'


@functools.cache
def one_step(class_agnostic=False):
    """A Faster R-CNN with a step of a padded batch, and what a second head makes of other maps."""
    model = plain('faster_rcnn')
    if class_agnostic:
        head = model.roi_head.bbox_head
        head.reg_class_agnostic = True
        head.fc_reg = torch.nn.Linear(16, 4)
    losses, step = taken(model, batch())
    features = step.features('neck')
    head = step.task.build_head(model, [16] * 4, None)
    # some proposals are background for the second head
    head.fc_cls.bias.data[3] += 0.5
    torch.manual_seed(1)
    output = step.task.head_output(step, head, [level + torch.randn_like(level) for level in features])
    return model, losses, step, output


def test_the_students_head_on_the_students_maps_has_the_students_loss_and_no_distance():
    _, losses, step, _ = one_step()
    output = step.task.head_output(step, None, step.features('neck'))
    torch.testing.assert_close(step.task.head_loss(step, None, output), losses['loss_cls'] + losses['loss_bbox'])
    assert step.task.comparable_logits(step, output).soft_target_loss(1.0).abs() < 1e-6
    assert step.task.box_loss(step, output, 1.0).abs() < 1e-5


@pytest.mark.parametrize('temperature', [1.0, 2.0])
def test_class_knowledge_is_a_mean_weighted_by_the_self_teachers_confidence(temperature):
    _, _, step, output = one_step()
    own, other = step.logits().double(), output[0].double()
    assert own.shape == other.shape == (64, 4)
    weight = torch.stack([row.exp()[:3].max() / row.exp().sum() for row in other])
    assert 0 < (other.argmax(1) == 3).sum() < 64
    teacher, learner = ((rows / temperature).softmax(1) for rows in (other, own))
    divergence = temperature**2 * (teacher * (teacher / learner).log()).sum(1)
    found = step.task.comparable_logits(step, output)
    assert not found.binary
    torch.testing.assert_close(
        found.soft_target_loss(temperature).double(), (weight * divergence).sum() / weight.sum(), rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize('class_agnostic', [False, True])
def test_box_knowledge_is_the_giou_of_the_boxes_of_the_true_class(class_agnostic):
    model, _, step, output = one_step(class_agnostic)
    heard = step.record[HEARD]
    labels, *_ = model.roi_head.bbox_head.get_targets(heard['sampling_results'], heard['rcnn_train_cfg'])
    positive = [index for index, label in enumerate(labels.tolist()) if label < 3]
    assert len(positive) > 4
    boxes = []
    for predictions in (heard['bbox_pred'], output[1]):
        columns = [0 if class_agnostic else 4 * labels[index] for index in positive]
        deltas = [predictions[i, first : first + 4] for i, first in zip(positive, columns, strict=True)]
        boxes.append(moved(heard['rois'][positive, 1:], torch.stack(deltas), (0.1, 0.1, 0.2, 0.2)))
    found = step.task.box_loss(step, output, 1.0)
    torch.testing.assert_close(found.double(), giou_distance(*boxes), rtol=1e-4, atol=1e-5)


def test_images_without_boxes_teach_no_box():
    _, step = taken(plain('faster_rcnn'), batch(counts=(0, 0)))
    value = step.task.box_loss(step, step.task.head_output(step, None, step.features('neck')), 1.0)
    assert value == 0 and value.requires_grad


@pytest.mark.parametrize('name, share_head', [('faster_rcnn', False), ('faster_rcnn', True), ('mask_rcnn', False)])
def test_both_heads_read_the_same_proposals_which_are_sampled_once(name, share_head, monkeypatch):
    model = student(name, share_head=share_head)
    sampled, pooled, judged = [], [], []
    sample = RandomSampler.sample
    monkeypatch.setattr(
        RandomSampler, 'sample', lambda *args, **kwargs: sampled.append(1) or sample(*args, **kwargs)
    )
    extractor, teacher = model.roi_head.bbox_roi_extractor, model.distill.methods['frskd'].self_teacher
    refined = []
    hooks = [
        extractor.register_forward_hook(lambda _, args, __: pooled.append(args)),
        teacher.register_forward_hook(lambda _, args, output: refined.append((args[0], output[0]))),
    ]
    head = model.roi_head.bbox_head if share_head else model.distill.methods['frskd'].head
    loss = head.loss_and_target

    @functools.wraps(loss)
    def watched(*args, **kwargs):
        judged.append(kwargs['rois'])
        return loss(*args, **kwargs)

    monkeypatch.setattr(head, 'loss_and_target', watched)
    model.loss(*batch_of(name))
    for hook in hooks:
        hook.remove()
    assert len(sampled) == 4, 'once per image in the RPN, once in the head'
    ((maps, rois), (second_maps, second_rois)) = pooled
    assert second_rois is rois and judged[-1] is rois
    ((read, made),) = refined
    assert len(maps) == len(read) == len(second_maps) == 4
    assert all(one is other for one, other in zip(read, maps, strict=True))
    assert all(one is other for one, other in zip(second_maps, made, strict=True))


def test_only_the_levels_that_roi_align_reads_are_refined():
    model = student('faster_rcnn')
    assert model.neck.num_outs == 5
    assert model.distill.methods['frskd'].self_teacher.in_channels == [16] * 4


def test_a_mask_head_keeps_its_loss_and_learns_from_it():
    data = batch_of('mask_rcnn')
    values = []
    for model in (plain('mask_rcnn'), student('mask_rcnn')):
        torch.manual_seed(0)
        losses = model.loss(*data)
        values.append(losses['loss_mask'])
    assert values[0].item() == values[1].item() > 0
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad.ne(0).any() for parameter in model.roi_head.mask_head.parameters())
    assert not any('mask' in name for name, _ in model.distill.named_parameters())
