"""RankedShapeLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import RankedShapeLoss, ranked_shape_loss, soft_target_loss
from mmkd.registry import MODELS
from tests import reference
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    check_teacher_detached,
    gradient,
    matrices_kept,
    normal,
)

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of (1/4, 3/4) from (1/2, 1/2)


def ranked(logits, temperature=4.0):
    return (logits / temperature).softmax(dim=1).sort(dim=1).values


def rows():
    return normal(4, 5), ranked(normal(4, 5, seed=1))


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='RankedShapeLoss', temperature=2.0, loss_weight=0.5))
    value = loss(torch.randn(2, 3), torch.tensor([0.1, 0.3, 0.6]))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=2.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        RankedShapeLoss(**arguments)


def test_temperature_set_to_zero_later_is_refused_in_the_call():
    loss = RankedShapeLoss()
    loss.temperature = 0
    with pytest.raises(ValueError, match='temperature is 0'):
        loss(*rows())


@pytest.mark.parametrize('student, reference', [((4, 5), (3, 5)), ((4, 5), (4,)), ((4, 5), (1, 5)), ((5,), (5,)),
                                                ((4, 5, 2), (4, 5, 2))])
def test_shapes_that_do_not_fit(student, reference):
    with pytest.raises(ValueError, match=r'they must be \(N, C\) and either \(N, C\) or \(C,\)'):
        ranked_shape_loss(torch.randn(student), torch.rand(reference))


# shapes

@pytest.mark.parametrize('shape', [(1, 1), (1, 7), (3, 2)])
def test_one_profile_is_the_same_for_every_row(shape):
    student, profile = normal(*shape), ranked(normal(1, shape[1], seed=1))
    torch.testing.assert_close(ranked_shape_loss(student, profile[0]),
                               ranked_shape_loss(student, profile.repeat(shape[0], 1)))


# values

@pytest.mark.parametrize('case', reference.cases('lightskd', of='RankedShapeLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(RankedShapeLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('temperature', [1.0, 4.0])
@pytest.mark.parametrize('shape', [(1, 2), (2,)])
def test_by_hand(temperature, shape):
    reference = torch.tensor([0.25, 0.75]).reshape(shape)
    value = ranked_shape_loss(torch.zeros(1, 2), reference, temperature)
    assert value.item() == pytest.approx(temperature ** 2 * BY_HAND, rel=1e-5)
    same = torch.tensor([[temperature * math.log(3.0), 0.0]])  # 3/4 and 1/4, in descending order
    assert ranked_shape_loss(same, reference, temperature).item() == pytest.approx(0, abs=1e-5)


def test_direction_is_reference_to_student():
    value = ranked_shape_loss(torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([0.5, 0.5]), temperature=1.0)
    assert value.item() == pytest.approx(0.5 * math.log(4 / 3), rel=1e-5)


def test_is_the_soft_target_of_sorted_logits():
    student, previous = normal(4, 5), normal(4, 5, seed=1)
    value = ranked_shape_loss(student, ranked(previous, 2.0), 2.0)
    expected = soft_target_loss(student.sort(dim=1).values, previous.sort(dim=1).values, temperature=2.0)
    torch.testing.assert_close(value, expected)


def test_zeros_of_the_reference_add_nothing():
    value, slope = gradient(ranked_shape_loss, torch.zeros(1, 4), torch.tensor([0.0, 0.0, 0.25, 0.75]), 1.0)
    assert value.item() == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1), rel=1e-5)
    assert slope.isfinite().all()


def test_classes_may_change_places_and_the_gradient_goes_with_them():
    student, reference = rows()
    order = torch.tensor([3, 0, 4, 1, 2])
    value, slope = gradient(ranked_shape_loss, student, reference)
    other, other_slope = gradient(ranked_shape_loss, student[:, order], reference)
    torch.testing.assert_close(other, value)
    torch.testing.assert_close(other_slope, slope[:, order])
    torch.testing.assert_close(ranked_shape_loss(student + 7, reference), value)


def test_loss_weight_duplicated_batch_and_permuted_rows():
    student, reference = rows()
    value = ranked_shape_loss(student, reference)
    torch.testing.assert_close(RankedShapeLoss(loss_weight=0.5)(student, reference), 0.5 * value)
    torch.testing.assert_close(ranked_shape_loss(student.repeat(2, 1), reference.repeat(2, 1)), value)
    torch.testing.assert_close(ranked_shape_loss(student.flip(0), reference.flip(0)), value)


def test_gradient_towards_the_mean_profile_is_the_mean_gradient():
    student, reference = rows()
    slopes = [gradient(ranked_shape_loss, student, profile)[1] for profile in reference]
    torch.testing.assert_close(gradient(ranked_shape_loss, student, reference.mean(dim=0))[1], sum(slopes) / 4)


def test_no_row_is_a_connected_zero():
    student = torch.zeros(0, 3, dtype=torch.float16)
    check_connected_zero(ranked_shape_loss, student, torch.tensor([0.1, 0.3, 0.6]))
    check_connected_zero(ranked_shape_loss, student, torch.zeros(0, 3))


def test_precision():
    student, reference = rows()
    check_precision(ranked_shape_loss, 10 * student, reference)
    check_large(lambda x: ranked_shape_loss(x, reference), student)


def test_reference_is_detached():
    check_teacher_detached(ranked_shape_loss, *rows())


def test_backward_keeps_one_tensor():
    assert matrices_kept(ranked_shape_loss, 20, *rows()) == 1


# gradcheck

@pytest.mark.parametrize('one_profile', [False, True])
def test_gradcheck(one_profile):
    student, reference = rows()
    reference = reference[0] if one_profile else reference
    assert gradcheck(lambda x: ranked_shape_loss(x, reference), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    student, reference = rows()
    check_compile(RankedShapeLoss(temperature=2.0, loss_weight=0.5), student, reference)
    check_compile(RankedShapeLoss(), student, reference[0])
