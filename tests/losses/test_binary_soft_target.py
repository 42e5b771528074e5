"""BinarySoftTargetLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import BinarySoftTargetLoss, binary_soft_target_loss, soft_target_loss
from mmkd.registry import MODELS
from tests import reference
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    check_teacher_detached,
    gradient,
    normal,
)

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of a coin of 3/4 from a fair one


def rows():
    return normal(5, 3), normal(5, 3, seed=1), torch.tensor([1.0, 0.0, 0.5, 2.0, 0.0], dtype=torch.float64)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='BinarySoftTargetLoss', temperature=2.0, loss_weight=0.5))
    value = loss(torch.randn(2, 3), torch.randn(2, 3))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=2.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        BinarySoftTargetLoss(**arguments)


def test_bad_calls():
    student, teacher, weight = rows()
    with pytest.raises(ValueError, match=r'both must be \(M, D\) with equal M and D'):
        binary_soft_target_loss(student, teacher[:, :2])
    with pytest.raises(ValueError, match=r'it must be \(5,\)'):
        binary_soft_target_loss(student, teacher, weight[:4])
    with pytest.raises(ValueError, match=r'avg_factor is -1\.0'):
        binary_soft_target_loss(student, teacher, weight, -1.0)
    with pytest.raises(ValueError, match='temperature is 0'):
        binary_soft_target_loss(student, teacher, temperature=0)


# shapes

@pytest.mark.parametrize('shape', [(1, 1), (4, 1), (1, 80), (7, 3)])
def test_any_number_of_rows_and_classes(shape):
    value, slope = gradient(binary_soft_target_loss, normal(*shape), normal(*shape, seed=1))
    assert value > 0 and slope.shape == shape


# values

@pytest.mark.parametrize('case', reference.cases('frskd', of='BinarySoftTargetLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(BinarySoftTargetLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_by_hand(temperature):
    student, teacher = torch.zeros(2, 2), torch.tensor([[math.log(3.0), 0.0], [-math.log(3.0), math.log(3.0)]])
    value = binary_soft_target_loss(student, temperature * teacher, temperature=temperature)
    assert value.item() == pytest.approx(temperature ** 2 * 1.5 * BY_HAND, rel=1e-5)


def test_direction_is_teacher_to_student():
    value = binary_soft_target_loss(torch.tensor([[math.log(3.0)]]), torch.zeros(1, 1))
    assert value.item() == pytest.approx(0.5 * math.log(4 / 3), rel=1e-5)


def test_is_the_soft_target_of_two_classes_per_class():
    student, teacher, _ = rows()
    pairs = [torch.stack([tensor, torch.zeros_like(tensor)], dim=-1).flatten(0, 1) for tensor in (student, teacher)]
    torch.testing.assert_close(binary_soft_target_loss(student, teacher, temperature=2.0),
                               3 * soft_target_loss(*pairs, temperature=2.0))


def test_sure_logits_keep_their_digits():
    teacher = torch.tensor([[20.0]])
    value = binary_soft_target_loss(torch.tensor([[21.0]]), teacher).item()
    assert value == pytest.approx(binary_soft_target_loss(torch.tensor([[21.0]]).double(), teacher.double()).item())
    assert value > 0
    assert binary_soft_target_loss(torch.tensor([[-1e4]]), torch.tensor([[1e4]])).item() == pytest.approx(1e4)


def test_weights_loss_weight_duplicated_batch_and_permuted_rows():
    student, teacher, weight = rows()
    value = binary_soft_target_loss(student, teacher, weight)
    torch.testing.assert_close(BinarySoftTargetLoss(loss_weight=0.5)(student, teacher, weight), 0.5 * value)
    twice = [torch.cat([tensor, tensor]) for tensor in (student, teacher, weight)]
    torch.testing.assert_close(binary_soft_target_loss(*twice), value)
    torch.testing.assert_close(binary_soft_target_loss(student.flip(0), teacher.flip(0), weight.flip(0)), value)
    torch.testing.assert_close(binary_soft_target_loss(student, teacher, weight, 7.0), value * 3.5 / 7)
    kept = [tensor[weight > 0] for tensor in (student, teacher)]
    torch.testing.assert_close(binary_soft_target_loss(student, teacher, weight > 0), binary_soft_target_loss(*kept))


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
@pytest.mark.parametrize('avg_factor', [None, 2.0])
def test_rows_of_weight_zero_reach_neither_value_nor_gradient(rubbish, dtype, avg_factor):
    student, teacher, weight = rows()
    student, teacher = student.to(dtype), teacher.to(dtype)
    clean = binary_soft_target_loss(student, teacher, weight, avg_factor)
    student[weight == 0] = teacher[weight == 0] = rubbish
    value, slope = gradient(binary_soft_target_loss, student, teacher, weight, avg_factor)
    torch.testing.assert_close(value, clean)
    assert slope[weight == 0].eq(0).all() and slope[weight > 0].ne(0).all() and slope.isfinite().all()


@pytest.mark.parametrize('avg_factor', [None, 0.0, 3.0])
def test_no_valid_row_is_a_connected_zero(avg_factor):
    hot = torch.full((2, 3), 65504.0, dtype=torch.float16)
    check_connected_zero(binary_soft_target_loss, hot, -hot, torch.zeros(2), avg_factor)
    check_connected_zero(binary_soft_target_loss, hot[:0], hot[:0], None, avg_factor)


def test_precision():
    student, teacher, weight = rows()
    check_precision(binary_soft_target_loss, 4 * student, 4 * teacher, weight)
    check_large(binary_soft_target_loss, student, teacher)


def test_teacher_is_detached():
    check_teacher_detached(binary_soft_target_loss, *rows())


# gradcheck

@pytest.mark.parametrize('weighted', [False, True])
def test_gradcheck(weighted):
    student, teacher, weight = rows()
    weight = weight if weighted else None
    assert gradcheck(lambda x: binary_soft_target_loss(x, teacher, weight, None, 2.0), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    check_compile(BinarySoftTargetLoss(temperature=2.0, loss_weight=0.5), *rows())
    check_compile(BinarySoftTargetLoss(), *rows(), 3.0)
