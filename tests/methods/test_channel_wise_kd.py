"""ChannelWiseKD: on features of every task, and on the logits of segmentors."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub

from tests.methods.given_maps import learner, maps_of, padded_batch, step_of, value_of, wide
from tests.students import SCOPES, STUDENTS, build, distilling, segmentation_batch, segmentor
from tests.teachers import taught, teacher_of


def divergence(student, teacher, temperature):
    """The loss of maps (N, C, P) in plain terms."""
    own, other = (maps / temperature for maps in (student, teacher))
    own, other = (maps.exp() / maps.exp().sum(dim=2, keepdim=True) for maps in (own, other))
    return temperature**2 * (other * (other / own).log()).sum() / (own.shape[0] * own.shape[1])


def test_logits_of_segmentors(tmp_path):
    model = learner(tmp_path, 'segmentation', 'ChannelWiseKD', source='logits', weight=3.0, temperature=2.0).eval()
    batch = segmentation_batch()
    step = step_of(model, batch)
    own, other = (side[0].flatten(2) for side in maps_of(model, step))
    assert own.shape == other.shape == (2, 5, 64)
    loss = model.loss(*batch)['distill.method.loss_channel']
    torch.testing.assert_close(loss, 3 * divergence(own, other, 2.0), rtol=1e-3, atol=0)
    assert not list(model.distill.parameters())
    loss.backward()
    assert model.decode_head.conv_seg.weight.grad.abs().sum() > 0


def test_logits_of_a_teacher_at_another_stride(tmp_path):
    teacher = wide('segmentation')
    teacher.decode_head.update(type='SegformerHead', in_index=[1, 2, 3], in_channels=[24] * 3)
    teacher.decode_head.pop('feature_strides')
    model = learner(tmp_path, 'segmentation', 'ChannelWiseKD', teacher, source='logits').eval()
    step = step_of(model, segmentation_batch())
    own, other = maps_of(model, step)
    assert own[0].shape[-2:] == (8, 8) and other[0].shape[-2:] == (4, 4)
    expected = divergence(F.avg_pool2d(own[0], 2).flatten(2), other[0].flatten(2), 4.0)
    torch.testing.assert_close(value_of(model, step, own, other), expected, rtol=1e-3, atol=1e-7)


def test_logits_in_the_padding_change_nothing(tmp_path):
    model = learner(tmp_path, 'segmentation', 'ChannelWiseKD', source='logits').eval()
    step = step_of(model, padded_batch('segmentation'))
    own, other = ([100 * level.detach() for level in side] for side in maps_of(model, step))
    value = value_of(model, step, own, other)
    # the second of two images of 64 x 64 has 36 x 44 pixels, at stride 4
    mask = torch.zeros(2, 1, 16, 16).bool()
    mask[1, :, 9:] = mask[1, :, :, 11:] = True
    changed = [[level.masked_fill(mask, content) for level in side] for side, content in ((own, 1e4), (other, -1e4))]
    torch.testing.assert_close(value_of(model, step, *changed), value)
    images = [divergence(own[0][:1].flatten(2), other[0][:1].flatten(2), 4.0),
              divergence(own[0][1:, :, :9, :11].flatten(2), other[0][1:, :, :9, :11].flatten(2), 4.0)]
    torch.testing.assert_close(value, sum(images) / 2, rtol=1e-3, atol=1e-7)


def test_the_temperature_is_a_schedule(tmp_path):
    ramp = dict(type='Ramp', begin=1, end=2, start=1.0, stop=4.0, by_epoch=False)
    model = learner(tmp_path, 'segmentation', 'ChannelWiseKD', levels=[-1], temperature=ramp).eval()
    step = step_of(model, segmentation_batch())
    own, other = maps_of(model, step)
    (parts,) = model.distill.methods.method.parts
    projected = parts['channel'].projections[0](own[-1])
    for moment, temperature in ((0, 1.0), (5, 4.0)):
        MessageHub.get_current_instance().update_info('iter', moment)
        expected = divergence(projected.flatten(2), other[-1].flatten(2), temperature)
        torch.testing.assert_close(value_of(model, step, own, other), expected, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize('task', ['classification', 'detection'])
def test_logits_of_other_tasks_are_no_maps(tmp_path, task):
    with pytest.raises(TypeError, match=f'logits of a {task} student are no maps of classes'):
        taught(tmp_path, task, dict(method=dict(type='mmkd.ChannelWiseKD', source='logits')))


def test_logits_of_other_classes_are_refused_but_their_features_are_not(tmp_path):
    teacher = teacher_of(tmp_path, segmentor(num_classes=7), 'mmseg')
    with pytest.raises(ValueError, match='num_classes=7 and the student 5'):
        build(distilling(segmentor(), dict(m=dict(type='mmkd.ChannelWiseKD', source='logits')), teacher=teacher))
    build(distilling(segmentor(), dict(m=dict(type='mmkd.ChannelWiseKD')), teacher=teacher))


def test_logits_have_no_levels(tmp_path):
    with pytest.raises(ValueError, match='logits have no levels: leave them out'):
        taught(tmp_path, methods=dict(method=dict(type='mmkd.ChannelWiseKD', source='logits', levels=[0])))


def test_logits_of_one_sigmoid_channel(tmp_path):
    config = segmentor(num_classes=2)
    config.decode_head.update(
        out_channels=1, threshold=0.3, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    teacher = teacher_of(tmp_path, config, 'mmseg')
    model = build(
        distilling(config, dict(method=dict(type='mmkd.ChannelWiseKD', source='logits')), teacher=teacher))
    assert model.loss(*segmentation_batch(num_classes=2))['distill.method.loss_channel'] > 0


@pytest.mark.parametrize('task', list(STUDENTS))
def test_a_student_that_is_its_teacher_has_nothing_to_learn(tmp_path, task):
    teacher = teacher_of(tmp_path, STUDENTS[task](), SCOPES[task], seed=0)
    source = 'neck' if task == 'detection' else 'backbone'
    model = taught(tmp_path, task, dict(method=dict(type='mmkd.ChannelWiseKD', source=source)), teacher).eval()
    assert model.loss(*padded_batch(task))['distill.method.loss_channel'].abs() < 1e-6
