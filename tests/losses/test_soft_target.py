"""SoftTargetLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import SoftTargetLoss, soft_target_loss
from mmkd.registry import MODELS
from tests import reference

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of (3/4, 1/4) from (1/2, 1/2)


def logits(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def maps():
    mask = torch.tensor([[[True, False, True]], [[True, True, False]]])
    return logits(2, 4, 1, 3), logits(2, 4, 1, 3, seed=1), mask


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='SoftTargetLoss', temperature=2.0, loss_weight=0.5))
    value = loss(torch.randn(2, 3), torch.randn(2, 3))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=2.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(temperature=-1.0), 'temperature is -1.0'),
    (dict(temperature=float('nan')), 'temperature is nan'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        SoftTargetLoss(**arguments)


def test_temperature_set_to_zero_later_is_refused_in_the_call():
    loss = SoftTargetLoss()
    loss.temperature = 0
    with pytest.raises(ValueError, match='temperature is 0'):
        loss(torch.randn(2, 3), torch.randn(2, 3))


@pytest.mark.parametrize('student, teacher', [((2, 3), (2, 4)), ((3,), (3,)), ((2, 3, 4, 4), (2, 3, 4, 5))])
def test_shapes_that_differ(student, teacher):
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, \*\)'):
        soft_target_loss(torch.randn(student), torch.randn(teacher))


@pytest.mark.parametrize('mask', [
    torch.ones(2, 4, dtype=torch.bool), torch.ones(2, 4, 4), torch.ones(2, 3, 4, 4, dtype=torch.bool)])
def test_masks_that_do_not_fit(mask):
    with pytest.raises(ValueError, match=r'must be torch.bool with the shape \(2, 4, 4\)'):
        soft_target_loss(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), mask)


def test_weights_that_do_not_fit():
    student, teacher, mask = maps()
    with pytest.raises(ValueError, match='mask and weight were both given'):
        soft_target_loss(student, teacher, mask, weight=mask.float())
    with pytest.raises(ValueError, match=r'must be torch.bool with the shape \(2, 1, 3\)'):
        soft_target_loss(student, teacher, weight=torch.ones(2, 3))


# shapes

@pytest.mark.parametrize('shape', [(3, 5), (3, 5, 7), (3, 5, 2, 4), (3, 5, 2, 2, 2), (3, 1)])
@pytest.mark.parametrize('masked', [False, True])
def test_any_number_of_positions(shape, masked):
    student, teacher = logits(*shape), logits(*shape, seed=1)
    mask = torch.ones(shape[:1] + shape[2:], dtype=torch.bool) if masked else None
    rows = [tensor.movedim(1, -1).reshape(-1, shape[1]) for tensor in (student, teacher)]
    torch.testing.assert_close(soft_target_loss(student, teacher, mask), soft_target_loss(*rows))


# values

@pytest.mark.parametrize('case', reference.cases('frskd', 'ekd', 'lightskd', of='SoftTargetLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(SoftTargetLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_by_hand(temperature):
    teacher = torch.tensor([[temperature * math.log(3.0), 0.0]])
    value = soft_target_loss(torch.zeros(1, 2), teacher, temperature=temperature)
    assert value.item() == pytest.approx(temperature ** 2 * BY_HAND, rel=1e-5)


def test_direction_is_teacher_to_student():
    value = soft_target_loss(torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2), temperature=1.0)
    assert value.item() == pytest.approx(0.5 * math.log(4 / 3), rel=1e-5)


def test_loss_weight_and_duplicated_batch():
    student, teacher, mask = maps()
    value = soft_target_loss(student, teacher, mask)
    torch.testing.assert_close(SoftTargetLoss(loss_weight=0.5)(student, teacher, mask), 0.5 * value)
    twice = [torch.cat([tensor, tensor]) for tensor in (student, teacher, mask)]
    torch.testing.assert_close(soft_target_loss(*twice), value)


def test_shift_of_logits_and_permutation_of_positions_and_classes_change_nothing():
    student, teacher, mask = maps()
    value = soft_target_loss(student, teacher, mask)
    torch.testing.assert_close(soft_target_loss(student + 7, teacher - 3, mask), value)
    torch.testing.assert_close(soft_target_loss(student.flip(3), teacher.flip(3), mask.flip(2)), value)
    torch.testing.assert_close(soft_target_loss(student.flip(1), teacher.flip(1), mask), value)


def test_mask_is_the_mean_over_true_positions_of_the_whole_batch():
    student, teacher, mask = maps()
    rows = [tensor.movedim(1, -1)[mask] for tensor in (student, teacher)]
    torch.testing.assert_close(soft_target_loss(student, teacher, mask), soft_target_loss(*rows))


def test_weights_by_hand():
    teacher = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0], [0.0, math.log(3.0)]])
    value = soft_target_loss(torch.zeros(3, 2), teacher, temperature=1.0, weight=torch.tensor([0.5, 1.0, 2.5]))
    assert value.item() == pytest.approx(3 / 4 * BY_HAND, rel=1e-5)


def test_weights_are_those_of_a_weighted_mean_over_positions():
    student, teacher, mask = maps()
    weight = torch.tensor([[[0.3, 0.0, 2.0]], [[0.0, 1.0, 0.5]]], dtype=torch.float64)
    rows = [soft_target_loss(student[n, :, 0, p][None], teacher[n, :, 0, p][None]) for n in (0, 1) for p in range(3)]
    expected = (torch.stack(rows) * weight.flatten()).sum() / 3.8
    torch.testing.assert_close(SoftTargetLoss()(student, teacher, weight=weight), expected)
    torch.testing.assert_close(soft_target_loss(student, teacher, weight=7 * weight), expected)
    torch.testing.assert_close(
        soft_target_loss(student, teacher, weight=mask.double()), soft_target_loss(student, teacher, mask))


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_positions_of_weight_zero_reach_neither_value_nor_gradient(rubbish, dtype):
    student, teacher, mask = maps()
    student, teacher, weight = student.to(dtype), teacher.to(dtype), 0.7 * mask
    clean = soft_target_loss(student, teacher, weight=weight)
    for tensor in (student, teacher):
        tensor.movedim(1, -1)[~mask] = rubbish
    value = soft_target_loss(student.requires_grad_(), teacher, weight=weight)
    value.backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, clean)
    assert student.grad.movedim(1, -1)[~mask].eq(0).all() and student.grad.isfinite().all()


def test_weights_of_zero_are_a_connected_zero():
    student = torch.full((2, 3), 65504.0, dtype=torch.float16, requires_grad=True)
    value = soft_target_loss(student, torch.randn(2, 3), weight=torch.zeros(2))
    value.backward()
    assert value.item() == 0 and student.grad.eq(0).all()


@pytest.mark.parametrize('temperature', [1.0, 4.0])
@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_hidden_positions_reach_neither_value_nor_gradient(temperature, rubbish, dtype):
    student, teacher, mask = maps()
    student, teacher = student.to(dtype), teacher.to(dtype)
    clean = soft_target_loss(student, teacher, mask, temperature)
    for tensor in (student, teacher):
        tensor.movedim(1, -1)[~mask] = rubbish
    kept = student.clone()
    value = soft_target_loss(student.requires_grad_(), teacher, mask, temperature)
    value.backward()
    torch.testing.assert_close(value, clean)
    assert student.grad.movedim(1, -1)[~mask].eq(0).all() and student.grad.isfinite().all()
    assert student.grad.movedim(1, -1)[mask].ne(0).any()
    torch.testing.assert_close(student.detach(), kept, equal_nan=True)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_no_valid_position_is_a_connected_zero(dtype, temperature):
    student = torch.full((2, 3, 2, 2), 65504.0, dtype=dtype, requires_grad=True)
    value = soft_target_loss(student, torch.randn(2, 3, 2, 2), torch.zeros(2, 2, 2, dtype=torch.bool), temperature)
    value.backward()
    assert value.item() == 0 and value.dtype == torch.float32
    assert student.grad.eq(0).all()


def test_no_row_is_a_connected_zero():
    student = torch.zeros(0, 3, requires_grad=True)
    value = soft_target_loss(student, torch.zeros(0, 3))
    value.backward()
    assert value.item() == 0 and student.grad.shape == (0, 3)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('temperature', [1.0, 3.0])
def test_half_inputs_are_computed_in_float32(dtype, temperature):
    student, teacher, mask = maps()
    student, teacher = (20 * student).to(dtype), (20 * teacher).to(dtype)
    expected = soft_target_loss(student.double(), teacher.double(), mask, temperature)
    value = soft_target_loss(student, teacher, mask, temperature)
    with torch.autocast('cpu', torch.bfloat16):
        cast = soft_target_loss(student.float(), teacher.float(), mask, temperature)
    assert value.dtype == cast.dtype == torch.float32
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(cast.double(), expected, rtol=1e-5, atol=1e-7)


def test_teacher_is_detached():
    student, teacher = logits(2, 3).requires_grad_(), logits(2, 3, seed=1).requires_grad_()
    soft_target_loss(student, teacher).backward()
    assert teacher.grad is None and student.grad.abs().sum() > 0


# gradcheck

@pytest.mark.parametrize('masked', [False, True])
def test_gradcheck(masked):
    student, teacher, mask = maps()
    assert gradcheck(lambda x: soft_target_loss(x, teacher, mask if masked else None), student.requires_grad_())


def test_gradcheck_with_weights():
    student, teacher, mask = maps()
    weight = mask * torch.tensor([0.5, 1.0, 2.0])
    assert gradcheck(lambda x: soft_target_loss(x, teacher, weight=weight), student.requires_grad_())


# compile

@pytest.mark.parametrize('masked', [False, True])
def test_compile_in_one_graph(masked):
    student, teacher, mask = maps()
    mask = mask if masked else None
    loss = SoftTargetLoss(temperature=2.0, loss_weight=0.5)
    compiled = torch.compile(loss, fullgraph=True, backend='aot_eager')
    values, gradients = [], []
    for function in (loss, compiled):
        leaf = student.clone().requires_grad_()
        values.append(function(leaf, teacher, mask))
        values[-1].backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*gradients)
