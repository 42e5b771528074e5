"""SLA: joint labels of class and rotation, alone and beside FRSKD."""
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub

from mmkd.losses import SoftTargetLoss
from mmkd.methods.sla import aggregate, joint_labels, quarter_turns
from tests.students import build, classification_batch, classifier, detector, distilling, segmentor

OFF = dict(type='Ramp', begin=5, end=6, by_epoch=False)


def student(config=None, frskd=None, **sla):
    methods = dict(sla=dict(type='mmkd.SLA', **sla))
    if frskd is not None:
        methods['frskd'] = dict(type='mmkd.FRSKD', self_teacher=dict(width=1.0), **frskd)
    return build(distilling(config or classifier(), methods), 'mmpretrain')


def terms(model, batch=None):
    losses = model.loss(*(batch or classification_batch()))
    return {key.removeprefix('distill.'): value for key, value in losses.items() if key.startswith('distill.')}


def gradients(model, names, batch=None):
    model.zero_grad()
    found = terms(model, batch)
    sum(found[name] for name in names).backward()
    return {name for name, parameter in model.named_parameters() if parameter.grad is not None}


# the four turns


def test_quarter_turns_are_in_a_row_per_image():
    images = torch.arange(8.0).view(2, 1, 2, 2)
    turned = quarter_turns(images)
    assert turned.shape == (8, 1, 2, 2)
    assert turned[4:, 0].tolist() == [[[4, 5], [6, 7]], [[5, 7], [4, 6]], [[7, 6], [5, 4]], [[6, 4], [7, 5]]]


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match=r'those of the batch have the size 32x48: crop or resize them to squares'):
        quarter_turns(torch.zeros(2, 3, 32, 48))


def test_joint_labels_of_labels_and_of_scores_agree():
    labels = torch.tensor([2, 0])
    assert joint_labels(labels, 3).tolist() == [8, 9, 10, 11, 0, 1, 2, 3]
    scores = joint_labels(F.one_hot(labels, 3).float(), 3)
    assert torch.equal(scores, F.one_hot(joint_labels(labels, 3), 12).float())
    mixed = joint_labels(torch.tensor([[0.7, 0.3]]), 2)
    assert mixed[1].tolist() == pytest.approx([0, 0.7, 0, 0, 0, 0.3, 0, 0])


def test_the_aggregate_takes_of_every_turn_its_own_logits():
    joint = torch.randn(8, 12)
    expected = [[sum(joint[4 * n + r, 4 * k + r] for r in range(4)) / 4 for k in range(3)] for n in range(2)]
    torch.testing.assert_close(aggregate(joint), torch.tensor(expected))


# the terms


def test_the_terms_are_those_of_the_formula():
    model = student(joint_weight=0.5, logit_weight=3.0, temperature=2.0).eval()
    images, _ = classification_batch()
    method, found = model.distill.methods['sla'], terms(model)
    assert method.head.out_features == 20 and method.head.in_features == 64
    joint = method.head(model.extract_feat(quarter_turns(images))[-1])
    labels = torch.tensor([4 * y + r for y in range(4) for r in range(4)])
    torch.testing.assert_close(found['sla.loss_joint'], 0.5 * F.cross_entropy(joint, labels))
    logits = model.head(model.extract_feat(images))
    torch.testing.assert_close(found['sla.loss_logit'], 3 * SoftTargetLoss(2.0)(logits, aggregate(joint)))


def test_the_aggregate_is_not_trained_by_the_soft_targets():
    model = student()
    reached = gradients(model, ['sla.loss_logit'])
    assert not any(name.startswith('distill.') for name in reached) and 'head.fc.weight' in reached
    reached = gradients(model, ['sla.loss_joint'])
    assert {'distill.methods.sla.head.weight', 'backbone.conv1.weight'} <= reached and 'head.fc.weight' not in reached


def test_the_students_own_loss_is_untouched():
    plain, model = build(classifier(), 'mmpretrain'), student()
    assert torch.equal(plain.loss(*classification_batch())['loss'], model.loss(*classification_batch())['loss'])


def test_mixed_scores_become_mixed_joint_labels():
    model = student().eval()
    images, samples = classification_batch()
    hard = terms(model, (images, samples))
    mixed = copy.deepcopy(samples)
    for i, sample in enumerate(mixed):
        sample.set_gt_score(0.25 * F.one_hot(torch.tensor(i), 5) + 0.75 * F.one_hot(torch.tensor((i + 1) % 4), 5))
    other = copy.deepcopy(samples)
    for i, sample in enumerate(other):
        sample.set_gt_label((i + 1) % 4)
    expected = 0.25 * hard['sla.loss_joint'] + 0.75 * terms(model, (images, other))['sla.loss_joint']
    torch.testing.assert_close(terms(model, (images, mixed))['sla.loss_joint'], expected)


@pytest.mark.parametrize('weights, present', [
    (dict(joint_weight=0), {'sla.loss_logit'}), (dict(logit_weight=0), {'sla.loss_joint'})])
def test_a_term_of_weight_0_is_not_computed(weights, present):
    model = student(**weights)
    assert set(terms(model)) == present
    trained = [parameter.requires_grad for parameter in model.distill.parameters()]
    assert all(trained) == ('joint_weight' not in weights)


@pytest.mark.parametrize('weights', [dict(weight=OFF), dict(joint_weight=OFF)])
@pytest.mark.parametrize('frskd', [None, {}])
def test_every_trainable_parameter_has_a_gradient_also_while_its_term_is_off(weights, frskd):
    model = student(frskd=frskd, **weights, **({} if frskd is None else dict(self_teacher='frskd')))
    MessageHub.get_current_instance().update_info('iter', 0)
    model.parse_losses(model.loss(*classification_batch()))[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


# beside FRSKD


def test_the_self_teacher_gets_a_joint_classifier_too():
    model = student(frskd={}, self_teacher='frskd', temperature=2.0).eval()
    images, _ = classification_batch()
    found, sla, frskd = terms(model), model.distill.methods['sla'], model.distill.methods['frskd']

    def refined(images):
        feats, levels = model.backbone.norm1(model.backbone.conv1(images)).relu(), []
        for name in model.backbone.res_layers:
            feats = getattr(model.backbone, name)(feats)
            levels.append(feats)
        return frskd.self_teacher(levels)[0], levels[-1].mean(dim=(2, 3))

    maps, pooled = refined(quarter_turns(images))
    joint = [sla.head(pooled), sla.teacher_head(maps[-1].mean(dim=(2, 3)))]
    labels = torch.tensor([4 * y + r for y in range(4) for r in range(4)])
    torch.testing.assert_close(found['sla.loss_joint'], sum(F.cross_entropy(logits, labels) for logits in joint))
    maps, pooled = refined(images)
    single = [model.head.fc(pooled), frskd.head(maps)]
    expected = sum(SoftTargetLoss(2.0)(own, aggregate(logits)) for own, logits in zip(single, joint, strict=True))
    torch.testing.assert_close(found['sla.loss_logit'], expected)


def test_frskd_is_the_same_with_and_without_sla_and_runs_once_per_batch():
    method = dict(type='mmkd.FRSKD', self_teacher=dict(width=1.0))
    alone = build(distilling(classifier(), dict(frskd=method)), 'mmpretrain')
    model = student(frskd={}, self_teacher='frskd')
    frskd = model.distill.methods['frskd']
    frskd.load_state_dict(alone.distill.methods['frskd'].state_dict())
    calls = []
    frskd.self_teacher.register_forward_hook(lambda _, args, output: calls.append(len(output[0][0])))
    expected, found = terms(alone), terms(model)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)
    assert sorted(calls) == [4, 16]


def test_both_classifiers_and_the_self_teacher_are_trained():
    model = student(frskd={}, self_teacher='frskd')
    reached = gradients(model, ['sla.loss_joint'])
    assert {'distill.methods.sla.head.weight', 'distill.methods.sla.teacher_head.weight'} <= reached
    assert any(name.startswith('distill.methods.frskd.self_teacher.') for name in reached)
    reached = gradients(model, ['sla.loss_logit'])
    assert 'distill.methods.frskd.head.fc.weight' in reached
    assert not any(name.startswith('distill.methods.sla.') for name in reached)


def test_a_detached_self_teacher_stays_detached():
    kept = student(frskd=dict(detach_input=True), self_teacher='frskd').eval()
    model = student(frskd={}, self_teacher='frskd').eval()
    norms = []
    for each in (kept, model):
        sla = each.distill.methods['sla']
        sla.head.requires_grad_(False).weight.data.zero_()
        gradients(each, ['sla.loss_joint'])
        grad = each.backbone.conv1.weight.grad
        norms.append(grad.norm().item() if grad is not None else 0.0)
    assert norms[0] == 0 and norms[1] > 0


def test_the_self_teacher_belongs_to_one_method_only():
    model = student(frskd={}, self_teacher='frskd')
    names = [name for name in model.state_dict() if 'self_teacher' in name]
    assert all(name.startswith('distill.methods.frskd.') for name in names)
    twin = copy.deepcopy(model)
    twin.distill.methods['frskd'].self_teacher.layers[0].bottom_up[-1].convs[-1][2].bias.data.fill_(5)
    expected = terms(model.eval())['sla.loss_joint']
    assert terms(twin.eval())['sla.loss_joint'] != expected


@pytest.mark.parametrize('frskd, name', [(None, 'frskd'), ({}, 'teacher'), (dict(weight=0), 'frskd'), ({}, 'sla')])
def test_a_name_that_is_no_frskd_is_refused(frskd, name):
    with pytest.raises(ValueError, match=rf"self_teacher='{name}', but the methods that are on are \['sla'"):
        student(frskd=frskd, self_teacher=name)


@pytest.mark.parametrize('config, scope, task', [
    (segmentor(), 'mmseg', 'segmentation'), (detector(), 'mmdet', 'detection')])
def test_other_tasks_are_refused(config, scope, task):
    with pytest.raises(TypeError, match=f'the student is a {task} model: use it with a classifier'):
        build(distilling(config, dict(sla=dict(type='mmkd.SLA'))), scope)


def test_a_vision_transformer_needs_no_maps():
    config = classifier()
    arch = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
    config.backbone = dict(type='VisionTransformer', arch=arch, img_size=32, patch_size=8)
    config.neck, config.head.in_channels = None, 16
    model = student(config)
    assert model.distill.methods['sla'].head.in_features == 16
    assert set(terms(model)) == {'sla.loss_joint', 'sla.loss_logit'}
