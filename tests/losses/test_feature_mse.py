"""FeatureMSELoss against numbers computed by hand."""
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import FeatureMSELoss, feature_mse_loss
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

REDUCTIONS = ('mean', 'sum')


def maps():
    return normal(2, 3, 2, 4), normal(2, 3, 2, 4, seed=1)


def reduced(reduction):
    return lambda student, teacher, mask=None: feature_mse_loss(student, teacher, mask, reduction)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='FeatureMSELoss', reduction='sum', loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert "reduction='sum', loss_weight=0.5" in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(reduction='max'), "reduction is 'max', it must be one of mean, sum"),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        FeatureMSELoss(**arguments)


def test_shapes_and_masks_are_checked():
    student, teacher = maps()
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, H, W\)'):
        feature_mse_loss(student, teacher[:, :2])
    with pytest.raises(ValueError, match=r'it must be torch\.bool'):
        feature_mse_loss(student, teacher, torch.ones(2, 2, 4))


# shapes

@pytest.mark.parametrize('shape', [(1, 1, 1, 1), (1, 5, 3, 4), (3, 1, 5, 1)])
def test_any_size(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    torch.testing.assert_close(feature_mse_loss(student, teacher), F.mse_loss(student, teacher))


# values

def test_by_hand():
    student = torch.tensor([1.0, 2.0, 0.0, 4.0]).view(2, 1, 1, 2)
    teacher = torch.tensor([0.0, 2.0, 3.0, 1.0]).view(2, 1, 1, 2)
    assert feature_mse_loss(student, teacher).item() == (1 + 0 + 9 + 9) / 4
    assert feature_mse_loss(student, teacher, reduction='sum').item() == (1 + 0 + 9 + 9) / 2
    mask = torch.tensor([[[True, False]], [[True, True]]])
    assert feature_mse_loss(student, teacher, mask).item() == pytest.approx((1 + 9 + 9) / 3)
    assert feature_mse_loss(student, teacher, mask, 'sum').item() == (1 + 9 + 9) / 2


def test_loss_weight_and_duplicated_batch():
    student, teacher = maps()
    for reduction in REDUCTIONS:
        value = feature_mse_loss(student, teacher, reduction=reduction)
        torch.testing.assert_close(FeatureMSELoss(reduction, loss_weight=0.5)(student, teacher), 0.5 * value)
        twice = feature_mse_loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1), reduction=reduction)
        torch.testing.assert_close(twice, value)


@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_what_is_masked_out_has_no_part(reduction):
    student, teacher = maps()
    check_hidden_positions(reduced(reduction), student, teacher)
    mask = left_half(student)
    cut = feature_mse_loss(student[..., :2], teacher[..., :2], reduction=reduction)
    torch.testing.assert_close(feature_mse_loss(student, teacher, mask, reduction), cut)


@pytest.mark.parametrize('reduction', REDUCTIONS)
@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(shape, reduction):
    check_connected_zero(reduced(reduction), torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_no_valid_position_is_a_connected_zero(reduction):
    student, teacher = maps()
    check_connected_zero(reduced(reduction), student, teacher, torch.zeros(2, 2, 4).bool())


def test_inputs_are_not_changed():
    student, teacher = maps()
    kept = student.clone(), teacher.clone()
    gradient(feature_mse_loss, student, teacher, left_half(student))
    assert student.equal(kept[0]) and teacher.equal(kept[1])


@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_precision(reduction):
    check_precision(reduced(reduction), *maps())


def test_large_numbers():
    check_large(feature_mse_loss, *maps())


def test_teacher_is_detached():
    check_teacher_detached(feature_mse_loss, *maps())


# gradcheck

@pytest.mark.parametrize('reduction', REDUCTIONS)
def test_gradcheck(reduction):
    student, teacher = maps()
    mask = left_half(student)
    assert gradcheck(lambda x: feature_mse_loss(x, teacher, mask, reduction), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    student, teacher = maps()
    check_compile(FeatureMSELoss(loss_weight=0.5), student, teacher)
    check_compile(FeatureMSELoss(reduction='sum'), student, teacher, left_half(student))
