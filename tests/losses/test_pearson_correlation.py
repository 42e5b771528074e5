"""PearsonCorrelationLoss against numbers computed by hand and by NumPy."""
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import PearsonCorrelationLoss, pearson_correlation_loss
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
from tests.losses.masks import check_hidden_positions, left_half


def maps():
    return normal(2, 3, 2, 4), normal(2, 3, 2, 4, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='PearsonCorrelationLoss', loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert 'loss_weight=0.5' in repr(loss)


# exceptions

def test_bad_arguments_shapes_and_masks():
    student, teacher = maps()
    with pytest.raises(ValueError, match='loss_weight is -1, it must be at least 0'):
        PearsonCorrelationLoss(loss_weight=-1)
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, H, W\)'):
        pearson_correlation_loss(student, teacher[:, :2])
    with pytest.raises(ValueError, match=r'it must be torch\.bool'):
        pearson_correlation_loss(student, teacher, torch.ones(2, 2, 4))


# shapes

@pytest.mark.parametrize('shape', [(1, 1, 1, 3), (2, 5, 3, 4), (3, 1, 5, 1), (4, 2, 1, 1)])
def test_any_size(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    correlations = [
        np.corrcoef(student[:, channel].flatten(), teacher[:, channel].flatten())[0, 1] for channel in range(shape[1])]
    assert pearson_correlation_loss(student, teacher).item() == pytest.approx(1 - np.mean(correlations))


def test_one_position_has_nothing_to_tell():
    check_connected_zero(pearson_correlation_loss, normal(1, 3, 1, 1), normal(1, 3, 1, 1, seed=1))


# values

def test_by_hand():
    student = torch.tensor([1.0, 2.0, 3.0, 2.0]).view(1, 1, 2, 2)
    teacher = torch.tensor([0.0, 5.0, 0.0, 5.0]).view(1, 1, 2, 2)
    # centred -1, 0, 1, 0 and -5/2, 5/2, -5/2, 5/2: their product is 0
    assert pearson_correlation_loss(student, teacher).item() == pytest.approx(1)
    assert pearson_correlation_loss(student, student * 3 - 7).item() == pytest.approx(0, abs=1e-6)
    assert pearson_correlation_loss(student, -student).item() == pytest.approx(2)


def test_is_half_the_mean_square_of_normalised_maps():
    student, teacher = maps()
    own, other = ((level - level.mean((0, 2, 3), keepdim=True)) / level.std((0, 2, 3), correction=0, keepdim=True)
                  for level in (student, teacher))
    torch.testing.assert_close(pearson_correlation_loss(student, teacher), (own - other).square().mean() / 2)


def test_magnitudes_change_nothing():
    student, teacher = maps()
    scale, shift = torch.tensor([1e-3, 1.0, 1e4], dtype=torch.float64).view(1, 3, 1, 1), normal(1, 3, 1, 1, seed=2)
    value = pearson_correlation_loss(student, teacher)
    torch.testing.assert_close(pearson_correlation_loss(student * scale + shift, teacher), value)
    torch.testing.assert_close(pearson_correlation_loss(student, teacher * scale + shift), value)


def test_loss_weight_and_duplicated_batch():
    student, teacher = maps()
    value = pearson_correlation_loss(student, teacher)
    torch.testing.assert_close(PearsonCorrelationLoss(loss_weight=0.5)(student, teacher), 0.5 * value)
    twice = pearson_correlation_loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1))
    torch.testing.assert_close(twice, value)


@pytest.mark.parametrize('constant', [0.0, 0.1, -7.7, 1e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_a_constant_channel_counts_as_zero_and_gets_no_gradient(constant, dtype):
    student, teacher = (level.to(dtype) for level in (normal(2, 2, 37, 41), normal(2, 2, 37, 41, seed=1)))
    alone = pearson_correlation_loss(student[:, 1:], teacher[:, 1:])
    student[:, 0] = constant
    value, slope = gradient(pearson_correlation_loss, student, teacher)
    torch.testing.assert_close(value, (0.5 + alone) / 2)
    assert slope[:, 0].eq(0).all() and slope[:, 1].abs().sum() > 0
    teacher[:, 0] = 3.0
    torch.testing.assert_close(pearson_correlation_loss(student, teacher), alone / 2)


def test_what_is_masked_out_has_no_part():
    student, teacher = maps()
    check_hidden_positions(pearson_correlation_loss, student, teacher)
    cut = pearson_correlation_loss(student[..., :2], teacher[..., :2])
    torch.testing.assert_close(pearson_correlation_loss(student, teacher, left_half(student)), cut)


@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(shape):
    check_connected_zero(pearson_correlation_loss, torch.zeros(shape), torch.zeros(shape))


def test_no_valid_position_is_a_connected_zero():
    student, teacher = maps()
    check_connected_zero(pearson_correlation_loss, student, teacher, torch.zeros(2, 2, 4).bool())


def test_precision():
    check_precision(pearson_correlation_loss, *maps())
    check_large(pearson_correlation_loss, *maps())


def test_teacher_is_detached():
    check_teacher_detached(pearson_correlation_loss, *maps())


# gradcheck

def test_gradcheck():
    student, teacher = maps()
    mask = left_half(student)
    assert gradcheck(lambda x: pearson_correlation_loss(x, teacher), student.requires_grad_())
    assert gradcheck(lambda x: pearson_correlation_loss(x, teacher, mask), student)


# compile

def test_compile_in_one_graph():
    student, teacher = maps()
    check_compile(PearsonCorrelationLoss(loss_weight=0.5), student, teacher)
    check_compile(PearsonCorrelationLoss(), student, teacher, left_half(student))
