import pytest
import torch

from tests.detectors import batch_of, plain, student, taken, total


def test_the_students_head_on_the_students_maps_has_the_students_loss():
    losses, step = taken(plain('solo'), batch_of('solo'))
    maps = step.task.head_output(step, None, step.features('neck'))
    torch.testing.assert_close(step.task.head_loss(step, None, maps), total(losses))


def test_another_head_has_another_loss():
    model = plain('solo')
    losses, step = taken(model, batch_of('solo'))
    head = step.task.build_head(model, [16] * 5, None)
    assert type(head) is type(model.mask_head)
    value = step.task.head_loss(step, head, step.task.head_output(step, head, step.features('neck')))
    assert abs(value - total(losses)) > 1e-3


def test_a_loss_that_a_hook_switches_on_is_on_for_both_heads():
    model = plain('solo')
    _, step = taken(model, batch_of('solo'))
    head = step.task.build_head(model, [16] * 5, None)
    for switched in (False, True):
        model.mask_head.use_l1 = switched
        step.task.head_loss(step, head, step.task.head_output(step, head, step.features('neck')))
        assert head.use_l1 == switched


@pytest.mark.parametrize('weights', [dict(logit_weight=1.0, box_weight=0.0), dict(logit_weight=0.0, box_weight=1.0)])
def test_logits_and_boxes_are_refused(weights):
    message = r'The mask_head of the student is a SOLOHead, .* cannot compare: set logit_weight=0 and box_weight=0'
    with pytest.raises(TypeError, match=message):
        student('solo', **weights)


@pytest.mark.parametrize('share_head', [False, True])
def test_its_features_are_distilled_by_argument(share_head):
    model = student('solo', logit_weight=0, box_weight=0, share_head=share_head)
    losses = model.loss(*batch_of('solo'))
    assert {key for key in losses if key.startswith('distill')} == {
        'distill.frskd.loss_teacher',
        'distill.frskd.loss_feature',
    }
    model.parse_losses(losses)[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert any('mask_head' in name or '.head.' in name for name, _ in model.distill.named_parameters()) != share_head


def test_maps_of_other_channels_are_refused():
    with pytest.raises(ValueError, match=r'its SOLOHead reads 16: set source=.neck.'):
        student('solo', logit_weight=0, box_weight=0, source='backbone')
