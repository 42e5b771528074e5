"""TokenContrastLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import TokenContrastLoss, token_contrast_loss
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


def tokens(count=6):
    return normal(count, 4), normal(count, 4, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='TokenContrastLoss', temperature=0.2, loss_weight=0.5))
    value = loss(torch.randn(4, 3), torch.randn(4, 3))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=0.2, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        TokenContrastLoss(**arguments)


def test_bad_calls():
    student, teacher = tokens()
    with pytest.raises(ValueError, match='with equal M and D: project one of them'):
        token_contrast_loss(student, teacher[:, :3])
    loss = TokenContrastLoss()
    loss.temperature = 0
    with pytest.raises(ValueError, match='temperature is 0'):
        loss(student, teacher)


# shapes

@pytest.mark.parametrize('count, width', [(2, 1), (2, 8), (9, 3)])
def test_any_number_of_tokens(count, width):
    value, slope = gradient(token_contrast_loss, normal(count, width), normal(count, width, seed=1), 0.5)
    assert value > 0 and slope.shape == (count, width)


# values

@pytest.mark.parametrize('case', reference.cases('trg', of='TokenContrastLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(TokenContrastLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('temperature', [1.0, 0.5])
def test_by_hand(temperature):
    rows = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    value = token_contrast_loss(rows, rows, temperature)
    assert value.item() == pytest.approx(math.log(1 + math.exp(-1 / temperature)), rel=1e-5)


def test_student_rows_are_the_anchors():
    same, apart = torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert token_contrast_loss(same, apart, 1.0).item() == pytest.approx(math.log(math.e + 1) - 0.5, rel=1e-5)
    assert token_contrast_loss(apart, same, 1.0).item() == pytest.approx(math.log(2), rel=1e-5)


def test_no_similarity_costs_the_logarithm_of_the_tokens():
    value, slope = gradient(token_contrast_loss, torch.zeros(8, 4), torch.randn(8, 4))
    assert value.item() == pytest.approx(math.log(8), rel=1e-5) and slope.eq(0).all()


def test_scale_and_order_of_tokens_change_nothing():
    student, teacher = tokens()
    value = token_contrast_loss(student, teacher)
    scale = torch.arange(1, 7).double().unsqueeze(1)
    torch.testing.assert_close(token_contrast_loss(scale * student, teacher / scale), value)
    torch.testing.assert_close(token_contrast_loss(student.flip(0), teacher.flip(0)), value)
    torch.testing.assert_close(TokenContrastLoss(loss_weight=0.5)(student, teacher), 0.5 * value)


def test_duplicated_tokens_add_the_logarithm_of_two():
    student, teacher = tokens()
    value = token_contrast_loss(student, teacher)
    torch.testing.assert_close(token_contrast_loss(student.repeat(2, 1), teacher.repeat(2, 1)), value + math.log(2))


def test_fewer_than_two_tokens_are_a_connected_zero():
    hot = torch.tensor([[65504.0, float('inf'), float('nan')]], dtype=torch.float16)
    for count in (0, 1):
        check_connected_zero(token_contrast_loss, hot[:count], torch.ones(1, 3)[:count])


@pytest.mark.parametrize('temperature', [0.5, 0.07])
def test_precision(temperature):
    check_precision(lambda *inputs: token_contrast_loss(*inputs, temperature), *tokens())
    check_large(lambda *inputs: token_contrast_loss(*inputs, 0.001), *tokens())


def test_teacher_is_detached():
    check_teacher_detached(token_contrast_loss, *tokens())


def test_backward_keeps_no_matrix():
    assert matrices_kept(token_contrast_loss, 64 * 64, *tokens(64)) == 0


@pytest.mark.parametrize('part', [1, 40, 1000])
def test_parts_add_up(monkeypatch, part):
    student, teacher = tokens(9)
    whole = gradient(token_contrast_loss, student, teacher)
    monkeypatch.setattr('mmkd.losses.token_contrast.PART', part)
    torch.testing.assert_close(gradient(token_contrast_loss, student, teacher), whole)
    torch.testing.assert_close(
        whole[0], F.cross_entropy(F.normalize(student) @ F.normalize(teacher).T / 0.07, torch.arange(9)))


# gradcheck

@pytest.mark.parametrize('temperature', [0.5, 0.07])
def test_gradcheck(temperature):
    student, teacher = tokens()
    assert gradcheck(lambda x: token_contrast_loss(x, teacher, temperature), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    check_compile(TokenContrastLoss(temperature=0.2, loss_weight=0.5), *tokens())
