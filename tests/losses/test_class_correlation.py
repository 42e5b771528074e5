"""ClassCorrelationLoss against numbers computed by hand and numpy's correlation."""
import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import ClassCorrelationLoss, class_correlation_loss
from mmkd.registry import MODELS
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    check_teacher_detached,
    gradient,
    normal,
)


def rows(count=6, classes=5):
    return normal(count, classes), normal(count, classes, seed=1)


def maps():
    mask = torch.tensor([[[True, False, True]], [[True, True, False]]])
    return normal(2, 5, 1, 3), normal(2, 5, 1, 3, seed=1), mask


def plain(student, teacher, temperature):
    """Both parts, by numpy."""
    own, other = ((side / temperature).softmax(1).numpy() for side in (student, teacher))
    inter = [np.corrcoef(p, q)[0, 1] for p, q in zip(own, other, strict=True)]
    intra = [np.corrcoef(p, q)[0, 1] for p, q in zip(own.T, other.T, strict=True)]
    return temperature ** 2 * (1 - np.mean(inter)), temperature ** 2 * (1 - np.mean(intra))


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='ClassCorrelationLoss', inter_weight=2.0, intra_weight=3.0, loss_weight=0.5))
    value = loss(torch.randn(2, 3), torch.randn(2, 3))
    assert value.shape == () and value.dtype == torch.float32
    assert 'inter_weight=2.0, intra_weight=3.0, temperature=1.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(inter_weight=-1.0), 'inter_weight is -1.0, it must be at least 0'),
    (dict(intra_weight=-1.0), 'intra_weight is -1.0, it must be at least 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        ClassCorrelationLoss(**arguments)


@pytest.mark.parametrize('student, teacher', [((2, 3), (2, 4)), ((2, 1), (2, 1)), ((2,), (2,)), ((2, 3, 4), (2, 3))])
def test_logits_that_cannot_be_compared(student, teacher):
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, \*\) with two classes or more'):
        class_correlation_loss(torch.randn(student), torch.randn(teacher))


def test_masks_that_do_not_fit():
    with pytest.raises(ValueError, match=r'it must be torch.bool with the shape \(2,\)'):
        class_correlation_loss(torch.randn(2, 3), torch.randn(2, 3), mask=torch.ones(2))


# shapes

@pytest.mark.parametrize('shape', [(2, 2), (3, 2, 4), (2, 5, 3, 1), (1, 3, 2, 2, 2)])
def test_positions_are_rows(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    flat = [side.movedim(1, -1).reshape(-1, shape[1]) for side in (student, teacher)]
    torch.testing.assert_close(class_correlation_loss(student, teacher), class_correlation_loss(*flat))


# values

@pytest.mark.parametrize('temperature', [1.0, 4.0])
@pytest.mark.parametrize('weights', [(1.0, 1.0), (2.0, 0.5), (1.0, 0.0), (0.0, 1.0)])
def test_is_one_minus_the_correlations(temperature, weights):
    student, teacher = rows(7)
    inter, intra = plain(student, teacher, temperature)
    value = class_correlation_loss(student, teacher, *weights, temperature)
    assert value.item() == pytest.approx(weights[0] * inter + weights[1] * intra, rel=1e-5)


def test_by_hand():
    # probabilities (1/2, 1/4, 1/4) and (1/4, 1/2, 1/4) against the same rows in another order: rho = -1/2 over classes,
    # and over the two rows -1 for both classes that vary; the third class does not vary, its rho is 0
    student = torch.tensor([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]]).log()
    assert class_correlation_loss(student, student.flip(0), 1.0, 0.0).item() == pytest.approx(1.5, rel=1e-5)
    assert class_correlation_loss(student, student.flip(0), 0.0, 1.0).item() == pytest.approx(1 + 2 / 3, rel=1e-5)


def test_perfect_correlation_has_no_distance():
    student, _ = rows()
    torch.testing.assert_close(class_correlation_loss(student, student), torch.zeros(()).double(), rtol=0, atol=1e-6)


def test_inter_class_part_is_blind_to_how_sure_a_network_is():
    own = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]], dtype=torch.float64)
    flatter = 0.1 + 0.7 * own
    assert class_correlation_loss(own.log(), flatter.log(), 1.0, 0.0).abs() < 1e-5
    assert class_correlation_loss(own.log(), flatter.log(), 0.0, 1.0).abs() < 1e-5


def test_permutations_shifts_duplicated_batch_and_loss_weight():
    student, teacher = rows()
    value = class_correlation_loss(student, teacher)
    for dim in (0, 1):
        torch.testing.assert_close(class_correlation_loss(student.flip(dim), teacher.flip(dim)), value)
    torch.testing.assert_close(class_correlation_loss(student + 7, teacher - 3), value)
    twice = class_correlation_loss(student.repeat(2, 1), teacher.repeat(2, 1))
    torch.testing.assert_close(twice, value, rtol=1e-6, atol=0)
    torch.testing.assert_close(ClassCorrelationLoss(loss_weight=0.5)(student, teacher), 0.5 * value)


def test_rows_and_classes_without_variance_are_uncorrelated_and_pull_nowhere():
    student, teacher = rows(4, 3)
    value, slope = gradient(class_correlation_loss, 0 * student, teacher, 1.0, 0.0)
    assert value.item() == pytest.approx(1.0) and slope.isfinite().all()
    equal = student[:1].repeat(4, 1)
    value, slope = gradient(class_correlation_loss, equal, teacher, 0.0, 1.0)
    assert value.item() == pytest.approx(1.0) and slope.isfinite().all()
    value, slope = gradient(class_correlation_loss, equal, equal, 0.0, 1.0)
    assert value.item() == pytest.approx(1.0) and slope.eq(0).all()


def test_a_single_sample_has_no_intra_class_part():
    student, teacher = rows(1)
    check_connected_zero(class_correlation_loss, student, teacher, 0.0, 1.0)
    inter, _ = plain(torch.cat([student, student]), torch.cat([teacher, teacher]), 1.0)
    assert class_correlation_loss(student, teacher).item() == pytest.approx(inter, rel=1e-5)
    student, teacher, mask = maps()
    mask[:] = False
    mask[1, 0, 1] = True
    alone = class_correlation_loss(student[1:, :, 0, 1], teacher[1:, :, 0, 1])
    torch.testing.assert_close(class_correlation_loss(student, teacher, mask=mask), alone)


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_hidden_positions_reach_neither_value_nor_gradient(rubbish, dtype):
    student, teacher, mask = maps()
    student, teacher = student.to(dtype), teacher.to(dtype)
    flat = [side.movedim(1, -1)[mask] for side in (student, teacher)]
    clean, clean_slope = gradient(class_correlation_loss, *flat)
    for tensor in (student, teacher):
        tensor.movedim(1, -1)[~mask] = rubbish
    value, slope = gradient(lambda own: class_correlation_loss(own, teacher, mask=mask), student)
    torch.testing.assert_close(value, clean)
    slope = slope.movedim(1, -1)
    torch.testing.assert_close(slope[mask], clean_slope)
    assert slope[~mask].eq(0).all()


def test_nothing_valid_is_a_connected_zero():
    student, teacher, mask = maps()
    check_connected_zero(
        lambda own: class_correlation_loss(own, teacher, mask=mask & False), student.half() * float('nan'))
    check_connected_zero(class_correlation_loss, torch.zeros(0, 3), torch.zeros(0, 3))
    check_connected_zero(lambda own: class_correlation_loss(own, teacher, 0.0, 0.0), student)


def test_probabilities_near_zero_leave_the_gradient_finite():
    for gap in (30.0, 60.0, 88.0, 95.0, 103.0, 1e4):
        student = torch.tensor([[gap, 0.0, 1.0], [gap, 1.0, 0.0]])
        value, slope = gradient(class_correlation_loss, student, student.flip(1))
        assert value.isfinite() and slope.isfinite().all(), gap


def test_precision():
    student, teacher = rows()
    check_precision(class_correlation_loss, 3 * student, 3 * teacher)
    check_large(class_correlation_loss, student, teacher)


def test_teacher_is_detached():
    check_teacher_detached(class_correlation_loss, *rows())


def test_direction_of_the_gradient_raises_the_correlation():
    student, teacher = rows()
    value, slope = gradient(class_correlation_loss, student, teacher)
    assert class_correlation_loss(student - 0.1 * slope / slope.norm(), teacher) < value
    assert not math.isclose(value.item(), 0, abs_tol=1e-3)


# gradcheck

@pytest.mark.parametrize('masked', [False, True])
def test_gradcheck(masked):
    student, teacher, mask = maps()
    assert gradcheck(
        lambda x: class_correlation_loss(x, teacher, mask=mask if masked else None), student.requires_grad_())


# compile

@pytest.mark.parametrize('masked', [False, True])
def test_compile_in_one_graph(masked):
    student, teacher, mask = maps()
    check_compile(ClassCorrelationLoss(temperature=2.0), student, teacher, *([mask] if masked else []))


@pytest.mark.parametrize('mask', [None, torch.tensor([True, True, True, False])])
def test_equal_logits_have_no_direction_and_no_gradient(mask):
    # as of a classifier that starts with weights of zero
    value, slope = gradient(
        lambda student, teacher: class_correlation_loss(student, teacher, mask=mask),
        torch.full((4, 3), 0.1), normal(4, 3, seed=1).float())
    assert value == 2 and slope.eq(0).all()
