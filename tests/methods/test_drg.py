import pytest
import torch

from mmkd.losses import SoftTargetLoss, ranked_shape_loss, soft_target_loss
from mmkd.registry import MODELS
from tests import reference
from tests.detectors import batch_of, tiny_detector
from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    classifier,
    detection_batch,
    distilling,
    segmentation_batch,
    segmentor,
)

BATCHES = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)
DRG = dict(type='mmkd.DRG')


def student(task='classification', **drg):
    return build(distilling(STUDENTS[task](), dict(drg=dict(DRG, **drg))), SCOPES[task])


def terms(model, batch):
    torch.manual_seed(0)
    losses = model.loss(*batch)
    return {key.rpartition('_')[2]: value for key, value in losses.items() if key.startswith('distill.')}


def reached(model, names, batch):
    model.zero_grad()
    found = terms(model, batch)
    sum(found[name] for name in names).backward()
    return {name for name, value in model.named_parameters() if value.grad is not None and value.grad.ne(0).any()}


def test_the_terms_of_a_classifier_are_those_of_the_paper():
    model = student(head_weight=3.0).eval()
    images, samples = classification_batch()
    found = terms(model, (images, samples))
    guide = model.distill.methods['drg'].head(model.backbone.layer2(model.backbone.layer1(_stem(model, images))))
    labels = torch.cat([sample.gt_label for sample in samples])
    torch.testing.assert_close(found['head'], 3 * torch.nn.functional.cross_entropy(guide, labels))
    expected = SoftTargetLoss(temperature=4.0, loss_weight=0.2)(model(images, mode='tensor'), guide)
    torch.testing.assert_close(found['logit'], expected)


def _stem(model, images):
    return model.backbone.relu(model.backbone.norm1(model.backbone.conv1(images)))


def test_the_sum_of_the_recorded_step():
    recorded = reference.load('lightskd')
    case = {case['name']: reference.inputs(case) for case in recorded['cases']}
    main, auxiliary = case['reverse guidance'].values()
    profile = case['ranked shape, previous batch row by row']['reference']
    drg, dsr = MODELS.build(dict(type='mmkd.DRG')), MODELS.build(dict(type='mmkd.DSR'))
    labels = torch.arange(4)
    parts = dict(
        ce_main=torch.nn.functional.cross_entropy(main, labels),
        ce_auxiliary=drg.term_weight('head') * torch.nn.functional.cross_entropy(auxiliary, labels),
        reverse_guidance=drg.term_weight('logit') * soft_target_loss(main, auxiliary, None, drg.temperature.now()),
        ranked_shape=dsr.term_weight('shape') * ranked_shape_loss(main, profile, dsr.temperature.now()),
    )
    expected = recorded['method']['total_of_one_step']
    for name, value in parts.items():
        assert value.item() == pytest.approx(expected[name], rel=1e-7)
    assert sum(parts.values()).item() == pytest.approx(expected['total'], rel=1e-7)


def test_soft_targets_reach_the_student_and_never_the_head():
    model = student()
    found = reached(model, ['logit'], classification_batch())
    assert 'head.fc.weight' in found and not [name for name in found if name.startswith('distill.')]


def test_the_heads_loss_trains_the_stages_below_it_and_no_other():
    found = reached(student(), ['head'], classification_batch())
    assert any(name.startswith('backbone.layer2') for name in found)
    assert any(name.startswith('distill.') for name in found)
    assert not [name for name in found if name.startswith(('backbone.layer3', 'backbone.layer4', 'head.'))]


@pytest.mark.parametrize('task', list(STUDENTS))
def test_every_parameter_is_trained_in_every_task(task):
    model = student(task)
    losses = model.loss(*BATCHES[task]())
    assert {'distill.drg.loss_head', 'distill.drg.loss_logit'} <= set(losses)
    model.parse_losses(losses)[0].backward()
    assert [name for name, value in model.named_parameters() if value.requires_grad and value.grad is None] == []


@pytest.mark.parametrize('name', ['fcos', 'gfl', 'faster_rcnn'])
@pytest.mark.parametrize('counts', [(3, 2), (0, 0)])
def test_detectors_of_several_kinds(name, counts):
    model = build(distilling(tiny_detector(name), dict(drg=dict(DRG, stage=0))), 'mmdet')
    losses = model.loss(*batch_of(name, counts=counts))
    model.parse_losses(losses)[0].backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in model.parameters())


def test_void_pixels_are_taught_nothing():
    found = terms(student('segmentation'), segmentation_batch(void=True))
    assert found['logit'] == 0 and found['head'] == 0


@pytest.mark.parametrize('task', list(STUDENTS))
def test_an_unsure_head_teaches_nothing(task):
    found = terms(student(task, confidence=1.0), BATCHES[task]())
    assert found['logit'] == 0 and found['logit'].requires_grad


def test_confidence_keeps_what_the_head_is_sure_of():
    model = student()
    batch = classification_batch()
    method = model.distill.methods['drg']
    logits = torch.tensor([[9.0, 0, 0, 0, 0], [0, 9.0, 0, 0, 0], [1.0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    method.guide = lambda step: logits + 0 * method.head(step.features('backbone')[1])
    everything, method.confidence = terms(model, batch)['logit'], 0.9
    sure = terms(model, batch)['logit']
    main = model.head(model.extract_feat(batch[0]))
    torch.testing.assert_close(sure, SoftTargetLoss(4.0, 0.2)(main[:2], logits[:2]), rtol=1e-3, atol=1e-4)
    assert not torch.allclose(sure, everything)


@pytest.mark.parametrize('arguments, message', [
    (dict(stage=4), r'stage=4, but the backbone of the student gives 4 stages: choose one of 0 to 3'),
    (dict(confidence=2), 'confidence=2, but a probability is needed'),
    (dict(temperature=0), 'DRG.temperature is 0'),
])
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        student(**arguments)


@pytest.mark.parametrize('terms_off', [dict(weight=0), dict(head_weight=0, logit_weight=0)])
def test_weight_zero_leaves_the_plain_student(terms_off):
    model, plain = student(**terms_off), build(classifier(), 'mmpretrain')
    assert list(model.state_dict()) == list(plain.state_dict())
    assert set(model.loss(*classification_batch())) == set(plain.loss(*classification_batch()))


def test_another_head_for_a_segmentor():
    head = dict(type='FCNHead', in_index=0, channels=8, num_convs=1, norm_cfg=dict(type='BN'))
    model = build(distilling(segmentor(), dict(drg=dict(DRG, head=head))))
    assert type(model.distill.methods['drg'].head).__name__ == 'FCNHead'
    assert terms(model, segmentation_batch())['head'] > 0
