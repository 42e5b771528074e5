import copy

import pytest
import torch
from mmengine.logging import MessageHub

from mmkd.losses import AttentionMapLoss, SoftTargetLoss
from tests.students import FRSKD, build, classification_batch, classifier, distilling, segmentation_batch, segmentor

OFF = dict(type='Ramp', begin=5, end=6, by_epoch=False)


def student(**frskd):
    return build(distilling(segmentor(), dict(frskd=dict(FRSKD, **frskd))))


def terms(model, batch=None):
    torch.manual_seed(0)
    losses = model.loss(*(batch or segmentation_batch()))
    return {key.rpartition('_')[2]: value for key, value in losses.items() if key.startswith('distill.')}


def test_the_terms_are_those_of_the_paper():
    model = student(logit_weight=3.0, feature_weight=7.0, temperature=2.0)
    model.eval()
    images, samples = segmentation_batch()
    found = terms(model)
    method = model.distill.methods['frskd']
    features = model.backbone(images)
    maps, _ = method.self_teacher(features)
    teacher_logits = torch.nn.functional.interpolate(method.head(maps), (32, 32), mode='bilinear')
    student_logits = torch.nn.functional.interpolate(
        model.decode_head(model.extract_feat(images)), (32, 32), mode='bilinear'
    )
    labels = torch.cat([sample.gt_sem_seg.data for sample in samples])
    torch.testing.assert_close(found['teacher'], torch.nn.functional.cross_entropy(teacher_logits, labels))
    torch.testing.assert_close(found['logit'], 3 * SoftTargetLoss(2.0)(student_logits, teacher_logits))
    torch.testing.assert_close(found['feature'], 7 * AttentionMapLoss()(features, maps))


def gradients(model, names, batch=None):
    model.zero_grad()
    found = terms(model, batch)
    sum(found[name] for name in names).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_distillation_never_reaches_the_self_teacher():
    reached = gradients(student(), ['logit', 'feature'])
    assert not [name for name in reached if name.startswith('distill.')]
    assert 'backbone.conv1.weight' in reached and 'decode_head.conv_seg.weight' in reached


@pytest.mark.parametrize('detach', [False, True])
def test_the_self_teachers_loss_trains_the_backbone_unless_detached(detach):
    reached = gradients(student(detach_input=detach), ['teacher'])
    assert any(name.startswith('distill.') for name in reached)
    assert ('backbone.conv1.weight' in reached) != detach
    assert 'decode_head.conv_seg.weight' not in reached


@pytest.mark.parametrize('source, channels', [('backbone', [8, 16, 32, 64]), ('neck', [16] * 4)])
def test_stages_or_levels_are_refined(source, channels):
    assert student(source=source).distill.methods['frskd'].self_teacher.out_channels == channels


def test_maps_that_are_not_rectified_are_not_cut():
    assert student(source='neck').distill.methods['frskd'].self_teacher.rectify_input is False


@pytest.mark.parametrize('mask_ignored', [True, False])
def test_a_batch_of_void_pixels_gives_zero_and_finite_gradients(mask_ignored):
    model = student(mask_ignored=mask_ignored)
    found = terms(model, segmentation_batch(void=True))
    assert found['teacher'] == 0 and found['logit'] == 0
    sum(found.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_masking_of_void_pixels_is_an_argument():
    batch = segmentation_batch()
    batch[1][0].gt_sem_seg.data[:, :16] = 255
    values = [
        terms(student(mask_ignored=flag).eval(), copy.deepcopy(batch))['logit'].item() for flag in (True, False)
    ]
    assert values[0] != values[1]


def test_soft_targets_may_be_compared_at_the_size_of_the_logits():
    assert terms(student(full_size=False).eval())['logit'] != terms(student().eval())['logit']


def test_the_reduction_of_attention_maps_is_an_argument():
    assert terms(student(reduction='sum').eval())['feature'] > terms(student().eval())['feature']
    with pytest.raises(ValueError, match="reduction is 'median'"):
        student(reduction='median')


def test_ramps_switch_terms_on():
    ramp = dict(type='Ramp', begin=2, end=4, by_epoch=False)
    model = student(logit_weight=ramp, feature_weight=dict(ramp, stop=50.0))
    hub = MessageHub.get_current_instance()
    hub.update_info('iter', 1)
    assert set(terms(model)) == {'teacher'}
    hub.update_info('iter', 2)
    model.eval()
    half = terms(model)
    hub.update_info('iter', 4)
    full = terms(model)
    assert set(half) == set(full) == {'teacher', 'logit', 'feature'}
    torch.testing.assert_close(2 * half['feature'], full['feature'])


def test_a_method_that_is_ramped_to_zero_leaves_the_student_alone():
    model = student(weight=OFF)
    MessageHub.get_current_instance().update_info('iter', 0)
    assert set(terms(model)) == {'idle'}


@pytest.mark.parametrize('weights', [dict(weight=OFF), dict(teacher_weight=OFF)])
def test_every_trainable_parameter_has_a_gradient_also_while_its_term_is_off(weights):
    model = student(**weights)
    MessageHub.get_current_instance().update_info('iter', 0)
    model.parse_losses(model.loss(*segmentation_batch()))[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert all(parameter.grad.eq(0).all() for parameter in model.distill.parameters())


def test_an_untrained_self_teacher_has_no_trainable_parameter():
    model = student(teacher_weight=0)
    assert not any(parameter.requires_grad for parameter in model.distill.parameters())
    assert set(terms(model)) == {'logit', 'feature'}


def test_dilated_backbones_with_stages_of_equal_size():
    config = segmentor()
    config.backbone.update(dilations=(1, 1, 2, 4), strides=(1, 2, 1, 1))
    config.decode_head.feature_strides = [4, 8, 8, 8]
    model = build(distilling(config))
    assert set(terms(model)) == {'teacher', 'logit', 'feature'}


def test_classification_uses_the_pooled_deepest_map():
    model = build(distilling(classifier(), dict(frskd=dict(type='mmkd.FRSKD'))), 'mmpretrain')
    method = model.distill.methods['frskd']
    assert method.self_teacher.out_channels == [16, 32, 64, 128]
    assert method.head.fc.in_features == 128
    images, samples = classification_batch()
    found = terms(model.eval(), (images, samples))
    maps, _ = method.self_teacher([*stages(model, images)])
    logits = method.head(maps)
    torch.testing.assert_close(found['teacher'], torch.nn.functional.cross_entropy(logits, torch.arange(4)))
    torch.testing.assert_close(
        found['logit'], 2 * SoftTargetLoss(4.0)(model.head(model.extract_feat(images)), logits)
    )


def stages(model, images):
    feats = model.backbone.norm1(model.backbone.conv1(images)).relu()
    for name in model.backbone.res_layers:
        feats = getattr(model.backbone, name)(feats)
        yield feats
