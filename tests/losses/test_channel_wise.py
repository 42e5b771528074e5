"""ChannelWiseLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import ChannelWiseLoss, channel_wise_loss, soft_target_loss
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
from tests.losses.masks import check_hidden_positions, left_half

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of (3/4, 1/4) from (1/2, 1/2)


def maps():
    return normal(2, 3, 2, 4), normal(2, 3, 2, 4, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='ChannelWiseLoss', temperature=2.0, loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=2.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        ChannelWiseLoss(**arguments)


def test_temperature_set_to_zero_later_is_refused_in_the_call():
    loss = ChannelWiseLoss()
    loss.temperature = 0
    with pytest.raises(ValueError, match='temperature is 0'):
        loss(*maps())


@pytest.mark.parametrize('student, teacher', [
    ((2, 3, 4, 4), (2, 4, 4, 4)), ((2, 3, 4, 4), (2, 3, 4, 5)), ((2, 3, 4), (2, 3, 4))])
def test_shapes_that_differ(student, teacher):
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, H, W\)'):
        channel_wise_loss(torch.randn(student), torch.randn(teacher))


def test_a_mask_that_does_not_fit():
    student, teacher = maps()
    with pytest.raises(ValueError, match=r'it must be torch\.bool'):
        channel_wise_loss(student, teacher, mask=torch.ones(2, 2, 4))


# shapes

@pytest.mark.parametrize('shape', [(1, 1, 1, 2), (2, 5, 3, 4), (3, 1, 5, 1)])
def test_is_a_soft_target_per_channel_over_positions(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    rows = [tensor.reshape(shape[0] * shape[1], -1) for tensor in (student, teacher)]
    torch.testing.assert_close(channel_wise_loss(student, teacher), soft_target_loss(*rows))


def test_one_position_has_nothing_to_tell():
    check_connected_zero(channel_wise_loss, normal(2, 3, 1, 1), normal(2, 3, 1, 1, seed=1))


# values

@pytest.mark.parametrize('case', reference.cases('frskd', of='ChannelWiseLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(ChannelWiseLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_by_hand(temperature):
    teacher = torch.zeros(1, 2, 1, 2)
    teacher[0, 1, 0, 0] = temperature * math.log(3.0)
    value = channel_wise_loss(torch.zeros(1, 2, 1, 2), teacher, temperature)
    assert value.item() == pytest.approx(temperature ** 2 * BY_HAND / 2, rel=1e-5)


def test_direction_is_teacher_to_student():
    student = torch.tensor([[[[math.log(3.0), 0.0]]]])
    assert channel_wise_loss(student, torch.zeros(1, 1, 1, 2), 1.0).item() == pytest.approx(0.5 * math.log(4 / 3))


def test_loss_weight_duplicated_batch_and_permutations():
    student, teacher = maps()
    value = channel_wise_loss(student, teacher)
    torch.testing.assert_close(ChannelWiseLoss(loss_weight=0.5)(student, teacher), 0.5 * value)
    torch.testing.assert_close(channel_wise_loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1)), value)
    for dim in range(4):
        torch.testing.assert_close(channel_wise_loss(student.flip(dim), teacher.flip(dim)), value)


def test_shift_of_a_channel_changes_nothing():
    student, teacher = maps()
    shift = normal(2, 3, 1, 1, seed=2)
    torch.testing.assert_close(channel_wise_loss(student + shift, teacher - shift), channel_wise_loss(student, teacher))


def masked(student, teacher, mask):
    return channel_wise_loss(student, teacher, 2.0, mask)


def test_what_is_masked_out_has_no_part_in_the_distributions():
    student, teacher = maps()
    check_hidden_positions(masked, student, teacher)
    torch.testing.assert_close(
        masked(student, teacher, left_half(student)), channel_wise_loss(student[..., :2], teacher[..., :2], 2.0))
    torch.testing.assert_close(
        masked(student, teacher, torch.ones(2, 2, 4).bool()), channel_wise_loss(student, teacher, 2.0))


def test_images_without_a_valid_position_are_left_out():
    student, teacher = maps()
    mask = torch.ones(2, 2, 4).bool()
    mask[1] = False
    torch.testing.assert_close(
        masked(student, teacher, mask), channel_wise_loss(student[:1], teacher[:1], 2.0))
    value, slope = gradient(masked, torch.cat([student[:1], student[1:] + float('nan')]), teacher, mask)
    assert value.isfinite() and slope.isfinite().all()
    check_connected_zero(masked, student, teacher, mask & False)


def test_inputs_are_not_changed():
    student, teacher = maps()
    kept = student.clone(), teacher.clone()
    gradient(channel_wise_loss, student, teacher)
    assert student.equal(kept[0]) and teacher.equal(kept[1])


@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(shape):
    check_connected_zero(channel_wise_loss, torch.zeros(shape), torch.zeros(shape))


def test_precision():
    student, teacher = maps()
    check_precision(channel_wise_loss, 10 * student, 10 * teacher)
    check_large(channel_wise_loss, student, teacher)


def test_teacher_is_detached():
    check_teacher_detached(channel_wise_loss, *maps())


# gradcheck

@pytest.mark.parametrize('temperature', [1.0, 4.0])
def test_gradcheck(temperature):
    student, teacher = maps()
    assert gradcheck(lambda x: channel_wise_loss(x, teacher, temperature), student.requires_grad_())
    mask = left_half(student)
    assert gradcheck(lambda x: channel_wise_loss(x, teacher, temperature, mask), student)


# compile

def test_compile_in_one_graph():
    student, teacher = maps()
    check_compile(ChannelWiseLoss(temperature=2.0, loss_weight=0.5), student, teacher)
    check_compile(ChannelWiseLoss(), student, teacher, left_half(student))
