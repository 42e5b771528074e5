import copy

import pytest
import torch
from torch import nn

from mmkd.losses import AttentionMapLoss
from tests.detectors import KNOWN, batch, batch_of, plain, student

TERMS = ('teacher', 'logit', 'feature', 'box')


def terms(model, data):
    torch.manual_seed(0)
    losses = model.loss(*data)
    return {key.rpartition('_')[2]: value for key, value in losses.items() if key.startswith('distill.')}


def reached(model, names, data):
    """Names of the parameters that get a gradient other than 0 from these terms."""
    model.zero_grad()
    found = terms(model, data)
    sum(found[name] for name in names).backward()
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is not None and parameter.grad.ne(0).any()
    }


@pytest.mark.parametrize('name', KNOWN)
@pytest.mark.parametrize(
    'changes',
    [
        dict(),
        dict(counts=(0, 0)),
        dict(counts=(2, 0)),
        dict(sizes=((96, 128),), counts=(2,)),
        dict(sizes=((50, 60),), counts=(0,)),
    ],
    ids=['padded', 'no boxes', 'one without boxes', 'one image', 'one padded image without boxes'],
)
def test_every_batch_trains_every_parameter_with_finite_numbers(name, changes):
    model = student(name)
    losses = model.loss(*batch_of(name, **changes))
    assert {f'distill.frskd.loss_{term}' for term in TERMS} <= set(losses)
    model.parse_losses(losses)[0].backward()
    assert [key for key, parameter in model.named_parameters() if parameter.grad is None] == []
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize('name', ['retinanet', 'gfl', 'rtmdet', 'faster_rcnn'])
def test_distillation_never_reaches_the_self_teacher(name):
    found = reached(student(name), ['logit', 'feature', 'box'], batch_of(name))
    assert not [key for key in found if key.startswith('distill.')]
    head = 'roi_head' if name == 'faster_rcnn' else 'bbox_head'
    assert any(key.startswith(head) for key in found) and any(key.startswith('backbone') for key in found)
    assert not [key for key in found if key.startswith('rpn_head')]


@pytest.mark.parametrize('name, head', [('fcos', 'bbox_head'), ('mask_rcnn', 'roi_head.bbox_head')])
@pytest.mark.parametrize('share_head', [False, True])
@pytest.mark.parametrize('detach', [False, True])
def test_the_self_teachers_loss_trains_the_backbone_and_a_shared_head(name, head, share_head, detach):
    found = reached(student(name, share_head=share_head, detach_input=detach), ['teacher'], batch_of(name))
    assert any(key.startswith('distill.methods.frskd.self_teacher') for key in found)
    assert any(key.startswith('distill.methods.frskd.head') for key in found) != share_head
    assert any(key.startswith(head) for key in found) == share_head
    assert ('backbone.conv1.weight' in found) != detach
    assert not [key for key in found if key.startswith(('rpn_head', 'roi_head.mask_head'))]


def test_a_shared_head_has_no_second_one():
    assert student('fcos', share_head=True).distill.methods['frskd'].head is None


@pytest.mark.parametrize('share_head', [False, True])
def test_running_statistics_of_a_shared_head_are_those_of_the_students_maps(share_head):
    model, alone = student('rtmdet', share_head=share_head), plain('rtmdet')
    for detector in (model, alone):
        detector.loss(*batch())
    ours, theirs = (detector.bbox_head.state_dict() for detector in (model, alone))
    moved = [key for key in ours if key.endswith('running_mean')]
    assert moved and all(ours[key].ne(0).any() for key in moved)
    assert all(torch.equal(ours[key], theirs[key]) for key in moved)
    assert all(module.momentum == 0.1 for module in model.bbox_head.modules() if isinstance(module, nn.BatchNorm2d))


@pytest.mark.parametrize('name', ['fcos', 'rtmdet', 'faster_rcnn', 'mask_rcnn', 'solo'])
def test_losses_of_the_student_are_unchanged(name):
    opaque = dict(logit_weight=0, box_weight=0) if name == 'solo' else {}
    found = []
    for model in (plain(name), student(name, **opaque)):
        torch.manual_seed(0)
        losses = model.loss(*copy.deepcopy(batch_of(name)))
        own = [key for key in losses if not key.startswith('distill.')]
        found.append({key: torch.stack(losses[key]) if isinstance(losses[key], list) else losses[key] for key in own})
    assert list(found[0]) == list(found[1])
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_weights_multiply_their_terms():
    data = batch()
    model = student('fcos').eval()
    method = model.distill.methods['frskd']
    one = terms(model, data)
    for term, factor in zip(TERMS, (2.0, 3.0, 4.0, 5.0), strict=True):
        method.term_weights[term] = type(method.weight)(factor * method.term_weights[term].now())
    many = terms(model, data)
    for term, factor in zip(TERMS, (2.0, 3.0, 4.0, 5.0), strict=True):
        torch.testing.assert_close(many[term], factor * one[term])


def test_boxes_are_not_distilled_unless_asked_for():
    assert set(terms(student('fcos', box_weight=0.0), batch())) == {'teacher', 'logit', 'feature'}


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_attention_in_the_padding_is_not_compared(reduction):
    images, samples = batch()
    model = student('fcos', feature_weight=1.0, reduction=reduction).eval()
    found = terms(model, (images, samples))['feature']
    features = model.neck(model.backbone(images))
    maps, _ = model.distill.methods['frskd'].self_teacher(features)
    masks = []
    for stride, level in zip((8, 16, 32, 64, 128), maps, strict=True):
        rows, columns = (torch.arange(side) * stride for side in level.shape[-2:])
        masks.append(
            torch.stack([(rows[:, None] < high) & (columns[None] < wide) for high, wide in ((96, 128), (64, 100))])
        )
    expected = AttentionMapLoss(reduction=reduction)(features, maps, masks)
    torch.testing.assert_close(found, expected)
    assert abs(found - AttentionMapLoss(reduction=reduction)(features, maps)) > 1e-4 * found


@pytest.mark.parametrize('kind', ['FitNetLoss', 'AttentionMapLoss'])
def test_other_feature_losses_leave_the_padding_out(kind):
    model = student('fcos', reduction='mean', feature_loss=dict(type=f'mmkd.{kind}'), logit_weight=0, box_weight=0)
    loss = model.distill.methods['frskd'].feature_loss
    heard = []
    loss.register_forward_pre_hook(lambda _, args: heard.append(args))
    assert terms(model, batch())['feature'] > 0
    ((_, _, masks),) = heard
    assert [mask.shape[1:] for mask in masks] == [(12, 16), (6, 8), (3, 4), (2, 2), (1, 1)]
    assert [mask[1].sum().item() for mask in masks] == [8 * 13, 4 * 7, 2 * 4, 2, 1]


def test_a_plain_checkpoint_loads_strictly_and_the_distilled_one_into_the_plain_model():
    model, alone = student('mask_rcnn'), plain('mask_rcnn')
    model.load_state_dict(alone.state_dict(), strict=True)
    weights = {key: value for key, value in model.state_dict().items() if not key.startswith('distill.')}
    alone.load_state_dict(weights, strict=True)
    assert list(weights) == list(alone.state_dict())


def test_prediction_is_the_plain_students():
    images, samples = batch()
    predictions = []
    for model in (plain('fcos'), student('fcos')):
        with torch.no_grad():
            predictions.append(model.eval()(images, copy.deepcopy(samples), mode='predict'))
    for ours, theirs in zip(*predictions, strict=True):
        assert torch.equal(ours.pred_instances.bboxes, theirs.pred_instances.bboxes)
        assert torch.equal(ours.pred_instances.scores, theirs.pred_instances.scores)


def test_a_copy_of_the_model_distils_by_itself():
    model = student('faster_rcnn')
    model.loss(*batch())
    twin = copy.deepcopy(model)
    twin.parse_losses(twin.loss(*batch()))[0].backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.grad is not None for parameter in twin.parameters())


def test_autocast_trains_with_finite_numbers():
    model = student('gfl')
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.loss(*batch())
    assert all(losses[f'distill.frskd.loss_{term}'].isfinite() for term in TERMS)
    assert losses['distill.frskd.loss_logit'].dtype == torch.float32
