"""FRSKD on classifiers: the published numbers, the variants of the paper, the students it accepts."""
import copy
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.logging import MessageHub
from mmpretrain.models.heads import ClsHead
from mmpretrain.structures import DataSample
from torch import nn

from mmkd.losses import AttentionMapLoss, FitNetLoss, OverhaulLoss
from tests import reference
from tests.networks.filling import _fill, _index, features, fill_self_teacher
from tests.students import build, classification_batch, classifier, distilling

NUMBERS = reference.FOLDER / 'frskd.json'
RECORDED = json.loads(NUMBERS.read_text()) if NUMBERS.is_file() else None
needs_numbers = pytest.mark.skipif(RECORDED is None, reason='no reference numbers: ../shared/reference is absent')
OFF = dict(type='Ramp', begin=5, end=6, by_epoch=False)


def student(config=None, **frskd):
    return build(distilling(config or classifier(), dict(frskd=dict(type='mmkd.FRSKD', **frskd))), 'mmpretrain')


def terms(model, batch=None):
    losses = model.loss(*(batch or classification_batch()))
    return {key.rpartition('_')[2]: value for key, value in losses.items() if key.startswith('distill.')}


def every_parameter_has_a_gradient(model, batch=None):
    model.zero_grad()
    model.parse_losses(model.loss(*(batch or classification_batch())))[0].backward()
    return all(parameter.grad is not None for parameter in model.parameters())


# the published numbers


class GivenFeatures(nn.Module):
    def __init__(self, maps):
        super().__init__()
        self.maps = maps

    def forward(self, images):
        # As after a backbone's ReLU, which passes no gradient where it gave 0.
        return tuple(level.relu() for level in self.maps)


class GivenLogits(ClsHead):
    def __init__(self, logits):
        super().__init__()
        self.logits, self.num_classes = logits, logits.shape[1]

    def pre_logits(self, feats):
        return self.logits


def given(case, **frskd):
    """A classifier whose features and logits are those of the recorded objective, its self-teacher filled by role."""
    recorded = RECORDED['networks']['self_teacher']['cases']
    name = f'four levels, width {case["width"]}, batch statistics'
    network = next(entry for entry in recorded if entry['name'] == name)
    feats = features(network['args']['in_channels'], network['sizes'])
    logits = (3 * (0.9 * torch.arange(20, dtype=torch.float64)).sin()).view(2, 10).requires_grad_()
    config = ConfigDict(type='ImageClassifier', backbone=GivenFeatures(feats), head=GivenLogits(logits))
    model = student(config, self_teacher=dict(width=float(case['width'])), **frskd).double().train()
    method = model.distill.methods['frskd']
    fill_self_teacher(method.self_teacher)
    _fill(method.head, 6.0)
    method.head.fc.bias.data.copy_(0.01 * _index(method.head.fc.bias).sin())
    samples = [DataSample().set_gt_label(label) for label in (3, 7)]
    return model, feats, logits, (torch.zeros(2, 3, 16, 16, dtype=torch.float64), samples)


@needs_numbers
@pytest.mark.parametrize('index', [0, 1])
def test_objective_and_its_gradients(index):
    case = RECORDED['method']['objective']['cases'][index]
    model, feats, logits, batch = given(case)
    found = terms(model, batch)
    total, _ = model.parse_losses(model.loss(*batch))
    assert total.item() == pytest.approx(case['total'], rel=1e-5)
    assert found['teacher'].item() == pytest.approx(case['ce_teacher'], rel=1e-5)
    assert found['logit'].item() == pytest.approx(2 * case['soft_targets'], rel=1e-5)
    assert found['feature'].item() == pytest.approx(100 * sum(case['attention_per_level']), rel=1e-5)
    total.backward()
    norms, method = case['grad_l2'], model.distill.methods['frskd']
    assert logits.grad.norm().item() == pytest.approx(norms['student_logits'], rel=1e-4)
    assert [feat.grad.norm().item() for feat in feats] == pytest.approx(norms['features'], rel=1e-4)
    assert method.head.fc.weight.grad.norm().item() == pytest.approx(norms['classifier_weight'], rel=1e-4)


@needs_numbers
@pytest.mark.parametrize('index', [0, 1])
def test_without_distillation_the_teachers_cross_entropy_still_trains_the_features(index):
    case = RECORDED['method']['objective']['cases'][index]
    model, feats, _, batch = given(case, logit_weight=0, feature_weight=0)
    terms(model, batch)['teacher'].backward()
    norms, method = case['grad_l2_of_teacher_ce_alone'], model.distill.methods['frskd']
    assert [feat.grad.norm().item() for feat in feats] == pytest.approx(norms['features'], rel=1e-4)
    assert method.head.fc.weight.grad.norm().item() == pytest.approx(norms['classifier_weight'], rel=1e-4)


CIFAR = (dict(type='ResNet_CIFAR', depth=18), 512, 100, 11220132)
WIDE = (dict(type='mmkd.WideResNet', depth=16, widen_factor=2), 128, 100, 703284)
IMAGENET18 = (dict(type='ResNet', depth=18), 512, 1000, 11689512)
IMAGENET34 = (dict(type='ResNet', depth=34), 512, 1000, 21797672)


@pytest.mark.parametrize('width, depth, cifar, wide, imagenet', [
    (1.0, 2, 1983730, 134317, 2445430), (2.0, 2, 6375794, 411885, 7298294),
    (1.0, 1, 1538866, 105549, 2000566), (2.0, 1, 4625906, 303149, 5548406)])
def test_parameters_of_students_and_self_teachers(width, depth, cifar, wide, imagenet):
    for (backbone, channels, classes, own), extra in zip(
            (CIFAR, WIDE, IMAGENET18, IMAGENET34), (cifar, wide, imagenet, imagenet), strict=True):
        config = ConfigDict(
            type='ImageClassifier', backbone=backbone, neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', in_channels=channels, num_classes=classes))
        model = student_without_init(config, dict(width=width, depth=depth))
        counts = {name: parameter.numel() for name, parameter in model.named_parameters()}
        trained = sum(count for name, count in counts.items() if name.startswith('distill.'))
        assert (sum(counts.values()) - trained, trained) == (own, extra)


def student_without_init(config, self_teacher):
    from mmengine.registry import MODELS, init_default_scope

    init_default_scope('mmpretrain')
    return MODELS.build(ConfigDict(distilling(config, dict(frskd=dict(type='mmkd.FRSKD', self_teacher=self_teacher)))))


def test_stages_of_the_cifar_resnet():
    config = classifier()
    config.backbone = dict(type='ResNet_CIFAR', depth=18, base_channels=8, stem_channels=8)
    model = student(config)
    seen = []
    model.distill.methods['frskd'].self_teacher.register_forward_pre_hook(lambda _, args: seen.extend(args[0]))
    terms(model)
    assert [tuple(feat.shape[1:]) for feat in seen] == [(8, 32, 32), (16, 16, 16), (32, 8, 8), (64, 4, 4)]


# variants


def test_without_feature_distillation_no_maps_are_compared(monkeypatch):
    monkeypatch.setattr(AttentionMapLoss, 'forward', lambda *args: pytest.fail('attention maps were compared'))
    model = student(feature_weight=0)
    assert set(terms(model)) == {'teacher', 'logit'}
    assert model.distill.methods['frskd'].feature_loss is None
    assert every_parameter_has_a_gradient(model)


def stage_maps(model, images):
    """Maps of a ResNet's stages before and after the last activation."""
    feats, before, after = model.backbone.norm1(model.backbone.conv1(images)).relu(), [], []
    for name in model.backbone.res_layers:
        first, last = getattr(model.backbone, name)
        feats = first(feats)
        out = last.norm2(last.conv2(last.norm1(last.conv1(feats)).relu()))
        before.append(out + feats)
        feats = before[-1].relu()
        after.append(feats)
    return before, after


@pytest.mark.parametrize('kind, arguments', [
    (AttentionMapLoss, dict(reduction='sum')), (FitNetLoss, {}), (OverhaulLoss, dict(margin=-0.5))])
def test_the_feature_loss_is_exchanged_by_config(kind, arguments):
    model = student(feature_loss=dict(type=f'mmkd.{kind.__name__}', **arguments), feature_weight=0.01).eval()
    method, batch = model.distill.methods['frskd'], classification_batch()
    assert type(method.feature_loss) is kind
    before, after = stage_maps(model, batch[0])
    maps, _ = method.self_teacher(after)
    expected = method.feature_loss(before if kind is OverhaulLoss else after, maps)
    found = terms(model, batch)
    assert found['feature'].item() > 0
    torch.testing.assert_close(found['feature'], 0.01 * expected)
    assert any(level.min() < 0 for level in maps) == (kind is OverhaulLoss)
    logits = method.head([level.relu() for level in maps])
    torch.testing.assert_close(found['teacher'], F.cross_entropy(logits, torch.arange(4)))


@pytest.mark.parametrize('kind, counts', [('FitNetLoss', 4 * 2), ('OverhaulLoss', 4 * 2)])
def test_regressors_are_trained_below_distill_and_idle_while_the_term_is_off(kind, counts):
    loss = dict(type=f'mmkd.{kind}')
    model = student(feature_loss=loss, feature_weight=1e-3)
    names = [name for name, _ in model.named_parameters() if 'regressors' in name and name.endswith('.0.weight')]
    assert len(names) == 4 and all(name.startswith('distill.methods.frskd.feature_loss.') for name in names)
    assert every_parameter_has_a_gradient(model)
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.distill.methods['frskd'].feature_loss.parameters())
    model = student(feature_loss=loss, feature_weight=dict(OFF, stop=1.0))
    MessageHub.get_current_instance().update_info('iter', 0)
    assert set(terms(model)) == {'teacher', 'logit', 'idle'} and every_parameter_has_a_gradient(model)
    assert all(parameter.grad.eq(0).all() for parameter in model.distill.methods['frskd'].feature_loss.parameters())
    assert student(feature_loss=loss, feature_weight=0).distill.methods['frskd'].feature_loss is None


def test_reading_maps_before_the_activation_leaves_the_student_as_it_is():
    plain, model = build(classifier(), 'mmpretrain'), student(feature_loss=dict(type='mmkd.OverhaulLoss'))
    batch = classification_batch()
    torch.testing.assert_close(model.loss(*batch)['loss'], plain.loss(*batch)['loss'], rtol=0, atol=0)
    assert all(module.inplace for module in model.backbone.modules() if isinstance(module, nn.ReLU))


@pytest.mark.parametrize('backbone, channels', [
    (dict(type='ResNet', depth=50, base_channels=4, stem_channels=4, zero_init_residual=False), 128),
    (dict(type='mmkd.WideResNet', depth=10, widen_factor=1), 64)])
def test_maps_before_the_activation_of_bottlenecks_and_of_wide_resnets(backbone, channels):
    config = classifier()
    config.backbone, config.head.in_channels = backbone, channels
    model = student(config, feature_loss=dict(type='mmkd.OverhaulLoss'), feature_weight=1e-3)
    compared, refined = [], []
    method = model.distill.methods['frskd']
    method.feature_loss.register_forward_pre_hook(lambda _, args: compared.extend(args))
    method.self_teacher.register_forward_pre_hook(lambda _, args: refined.extend(args[0]))
    terms(model)
    assert all(level.min() < 0 for side in compared for level in side)
    for before, after in zip(compared[0], refined, strict=True):
        torch.testing.assert_close(before.relu(), after, rtol=0, atol=0)


def test_feature_losses_that_do_not_fit_are_refused():
    with pytest.raises(KeyError, match=r"feature_loss has the type 'mmkd\.FitLoss', which does not exist"):
        student(feature_loss=dict(type='mmkd.FitLoss'))
    with pytest.raises(ValueError, match="reduction='sum' were both given"):
        student(feature_loss=dict(type='mmkd.FitNetLoss'), reduction='sum')
    overhaul = dict(type='mmkd.OverhaulLoss')
    with pytest.raises(ValueError, match=r'OverhaulLoss compares maps .* the backbone of this classification student'):
        student(swin(), feature_loss=overhaul)
    with pytest.raises(ValueError, match=r"'mmkd.SegmentationBiFPNSelfTeacher' has no rectify_output=False"):
        student(feature_loss=overhaul, self_teacher=dict(type='mmkd.SegmentationBiFPNSelfTeacher'))


# mixed labels


def mixed(augment, classes=5, seed=0):
    config = classifier(classes)
    config.data_preprocessor = dict(
        type='ClsDataPreprocessor', mean=[0.0] * 3, std=[1.0] * 3, num_classes=classes, to_onehot=True,
        batch_augments=dict(augments=[augment]))
    model = student(config).eval()
    images, samples = classification_batch(classes)
    np.random.seed(seed)
    torch.manual_seed(seed)
    data = model.data_preprocessor(dict(inputs=list(images), data_samples=copy.deepcopy(samples)), training=True)
    return model, images, data['inputs'], data['data_samples']


@pytest.mark.parametrize('augment', [dict(type='Mixup', alpha=1.0), dict(type='CutMix', alpha=1.0)])
def test_mixed_labels_reach_the_self_teacher(augment):
    model, images, inputs, samples = mixed(augment)
    scores = torch.stack([sample.gt_score for sample in samples])
    share = scores[range(4), range(4)]
    partner = scores.index_put((torch.arange(4), torch.arange(4)), torch.tensor(-1.0)).argmax(dim=1)
    assert 0 < share.min() < 1 and not torch.equal(images, inputs)
    method = model.distill.methods['frskd']
    logits = method.head(method.self_teacher(stage_maps(model, inputs)[1])[0])
    own, other = (F.cross_entropy(logits, labels, reduction='none') for labels in (torch.arange(4), partner))
    found = terms(model, (inputs, samples))
    torch.testing.assert_close(found['teacher'], (share * own + (1 - share) * other).mean())
    assert found['logit'] > 0 and found['feature'] > 0
    assert every_parameter_has_a_gradient(model, (inputs, samples))


# transformers


def transformer(backbone, channels, pool=True):
    return ConfigDict(
        type='ImageClassifier', backbone=backbone, neck=dict(type='GlobalAveragePooling') if pool else None,
        head=dict(type='LinearClsHead', in_channels=channels, num_classes=5))


def swin(**changes):
    arch = dict(embed_dims=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
    changes.setdefault('out_indices', (0, 1, 2, 3))
    return transformer(
        dict(type='SwinTransformer', arch=arch, img_size=32, patch_size=2, window_size=2, **changes), 64)


def vit(**changes):
    arch = dict(embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=32)
    return transformer(dict(type='VisionTransformer', arch=arch, img_size=32, patch_size=8, **changes), 16,
                       pool='out_type' in changes)


@pytest.mark.parametrize('config, shapes', [
    (swin(), [(8, 16, 16), (16, 8, 8), (32, 4, 4), (64, 2, 2)]),
    (vit(out_type='featmap', out_indices=[1, 2, 3]), [(16, 4, 4)] * 3)])
def test_transformers_with_maps_are_refined(config, shapes):
    model = student(config)
    seen = []
    model.distill.methods['frskd'].self_teacher.register_forward_pre_hook(lambda _, args: seen.extend(args[0]))
    assert set(terms(model)) == {'teacher', 'logit', 'feature'}
    assert [tuple(feat.shape[1:]) for feat in seen] == shapes
    assert every_parameter_has_a_gradient(model)


def test_a_window_that_needs_the_image_size_is_no_obstacle():
    config = swin()
    config.backbone.update(img_size=112, patch_size=4, window_size=3)
    assert student(config).distill.methods['frskd'].self_teacher.in_channels == [8, 16, 32, 64]


@pytest.mark.parametrize('config', [vit(), vit(out_indices=[1, 2, 3]), swin(out_indices=(3,))])
def test_transformers_without_maps_are_refused(config):
    with pytest.raises(ValueError, match=r"set its out_indices to several stages, with out_type='featmap' \(ViT\)"):
        student(config)
