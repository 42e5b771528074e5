"""ContextualLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import ContextualLoss, contextual_loss
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


def tokens():
    return normal(2, 5, 4), normal(2, 5, 3, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='ContextualLoss', loss_weight=0.5))
    value = loss(torch.randn(2, 4, 3), torch.randn(2, 4, 5))
    assert value.shape == () and value.dtype == torch.float32
    assert 'loss_weight=0.5' in repr(loss)


# exceptions

def test_bad_arguments():
    with pytest.raises(ValueError, match='loss_weight is -1'):
        ContextualLoss(loss_weight=-1)


@pytest.mark.parametrize('student, teacher', [((2, 4, 3), (2, 5, 3)), ((2, 4, 3), (1, 4, 3)), ((4, 3), (4, 3))])
def test_shapes_that_differ(student, teacher):
    with pytest.raises(ValueError, match=r'both must be \(B, N, D\) with equal B and N'):
        contextual_loss(torch.randn(student), torch.randn(teacher))


# shapes

@pytest.mark.parametrize('shape', [(1, 2, 1), (3, 4, 2), (1, 1, 5)])
def test_any_number_of_images_and_tokens(shape):
    value, slope = gradient(contextual_loss, normal(*shape), normal(*shape[:2], 6, seed=1))
    assert slope.shape == shape
    assert value == 0 if shape[1] == 1 else value > 0


# values

@pytest.mark.parametrize('case', reference.cases('trg', of='ContextualLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(ContextualLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('width', [1, 4])
def test_by_hand(width):
    teacher = torch.zeros(1, 2, width)
    teacher[0, 0, 0] = (math.log(3.0) * width ** 0.5) ** 0.5  # rows (3/4, 1/4) and (1/2, 1/2)
    value = contextual_loss(torch.zeros(1, 2, 7), teacher)
    assert value.item() == pytest.approx((0.25 ** 2 + 0.25 ** 2) / 4, rel=1e-5)


def test_images_do_not_see_each_other():
    student, teacher = tokens()
    values = [contextual_loss(student[[image]], teacher[[image]]) for image in range(2)]
    torch.testing.assert_close(contextual_loss(student, teacher), sum(values) / 2)


def test_order_of_images_and_tokens_duplicated_batch_and_loss_weight():
    student, teacher = tokens()
    value = contextual_loss(student, teacher)
    for dim in (0, 1, 2):
        torch.testing.assert_close(contextual_loss(student.flip(dim), teacher.flip(dim)), value)
    torch.testing.assert_close(contextual_loss(student.repeat(2, 1, 1), teacher.repeat(2, 1, 1)), value)
    torch.testing.assert_close(ContextualLoss(loss_weight=0.5)(student, teacher), 0.5 * value)


def test_turned_tokens_have_the_same_context():
    student, _ = tokens()
    turn = torch.linalg.qr(normal(4, 4, seed=2)).Q
    torch.testing.assert_close(contextual_loss(student @ turn, student), torch.zeros(()).double())


@pytest.mark.parametrize('images, count', [(0, 4), (2, 0)])
def test_no_token_is_a_connected_zero(images, count):
    check_connected_zero(contextual_loss, torch.zeros(images, count, 3).half(), torch.zeros(images, count, 5))


def test_precision():
    check_precision(contextual_loss, *tokens())
    check_large(contextual_loss, *tokens())


def test_teacher_is_detached():
    check_teacher_detached(contextual_loss, *tokens())


def test_backward_keeps_a_gradient_of_the_tokens():
    inputs = normal(2, 32, 4), normal(2, 32, 3, seed=1)
    assert matrices_kept(contextual_loss, 2 * 32 * 32, *inputs) == 0
    assert matrices_kept(contextual_loss, 2 * 32 * 4, *inputs) == 1


@pytest.mark.parametrize('part', [1, 50, 1000])
def test_parts_add_up(monkeypatch, part):
    student, teacher = normal(3, 5, 4), normal(3, 5, 3, seed=1)
    attention = [(side @ side.mT / side.shape[2] ** 0.5).softmax(dim=2) for side in (student, teacher)]
    whole = gradient(contextual_loss, student, teacher)
    monkeypatch.setattr('mmkd.losses.contextual.PART', part)
    torch.testing.assert_close(gradient(contextual_loss, student, teacher), whole)
    torch.testing.assert_close(whole[0], torch.nn.functional.mse_loss(*attention))


# gradcheck

def test_gradcheck():
    student, teacher = tokens()
    assert gradcheck(lambda x: contextual_loss(x, teacher), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    check_compile(ContextualLoss(loss_weight=0.5), *tokens())
