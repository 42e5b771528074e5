"""CategoricalSimilarityLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import CategoricalSimilarityLoss, categorical_similarity_loss
from mmkd.registry import MODELS
from tests import reference
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    gradient,
    matrices_kept,
    normal,
)


def rows():
    return normal(5, 4), normal(5, 4, seed=1), torch.tensor([0, 2, 0, 1, 2])


def literal(student, teacher, labels, temperature=0.07, eps=1e-7):
    """The formula of the docstring, entry by entry."""
    rows, labels = F.normalize(torch.cat([student, teacher])), labels.repeat(2)
    similarity = rows @ rows.T / temperature
    shifted = similarity - similarity.detach().amax(dim=1, keepdim=True)
    own = torch.eye(len(rows), dtype=torch.bool)
    log_probability = shifted - (shifted.exp().masked_fill(own, 0).sum(dim=1, keepdim=True) + eps).log()
    positive = (labels.unsqueeze(1) == labels) & ~own
    return -((log_probability * positive).sum(dim=1) / positive.sum(dim=1)).mean()


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='CategoricalSimilarityLoss', temperature=0.2, eps=0.0, loss_weight=0.5))
    value = loss(torch.randn(3, 4), torch.randn(3, 4), torch.tensor([0, 1, 0]))
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=0.2, eps=0.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(eps=-1e-7), 'eps is -1e-07, it must be at least 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        CategoricalSimilarityLoss(**arguments)


def test_bad_calls():
    student, teacher, labels = rows()
    with pytest.raises(ValueError, match='with equal M and D'):
        categorical_similarity_loss(student, teacher[:, :3], labels)
    with pytest.raises(ValueError, match=r'labels have the shape \(4,\), they must be \(5,\)'):
        categorical_similarity_loss(student, teacher, labels[:4])
    with pytest.raises(ValueError, match='temperature is 0'):
        categorical_similarity_loss(student, teacher, labels, temperature=0)


# shapes

@pytest.mark.parametrize('count, width', [(1, 1), (1, 4), (2, 1), (9, 3)])
@pytest.mark.parametrize('eps', [0.0, 1e-7, 0.1])
def test_is_the_formula_entry_by_entry(count, width, eps):
    inputs = normal(count, width), normal(count, width, seed=1), torch.arange(count) % 3
    for one, other in zip(gradient(categorical_similarity_loss, *inputs, 0.5, eps),
                          gradient(literal, *inputs, 0.5, eps), strict=True):
        torch.testing.assert_close(one, other)


# values

@pytest.mark.parametrize('case', reference.cases('mlkd', of='CategoricalSimilarityLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(CategoricalSimilarityLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('eps', [0.0, 0.5])
@pytest.mark.parametrize('labels, attraction', [([0, 1], 1), ([4, 4], 1 / 3)])
def test_by_hand(labels, attraction, eps):
    rows = torch.tensor([[2.0, 0.0], [0.0, 3.0]])  # two samples at right angles, both networks agree
    value = categorical_similarity_loss(rows, rows, torch.tensor(labels), temperature=1.0, eps=eps)
    assert value.item() == pytest.approx(math.log(1 + 2 / math.e + eps) + 1 - attraction, rel=1e-5)


def test_badly_aligned_rows_at_a_low_temperature_stay_finite():
    student, labels = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    value, slope = gradient(categorical_similarity_loss, student, -student, labels, 0.01)
    assert value.item() == pytest.approx(200 + math.log(1e-7), rel=1e-5) and slope.isfinite().all()
    check_connected_zero(categorical_similarity_loss, student, -student, labels, 0.01, 0.0)


def test_both_sides_are_trained_and_may_change_places():
    student, teacher, labels = rows()
    value, slope = gradient(categorical_similarity_loss, student, teacher, labels)
    other, teacher_slope = gradient(lambda x: categorical_similarity_loss(student, x, labels), teacher)
    torch.testing.assert_close(value, other)
    assert slope.ne(0).all() and teacher_slope.ne(0).all()
    for one, swapped in zip(gradient(categorical_similarity_loss, teacher, student, labels), (value, teacher_slope),
                            strict=True):
        torch.testing.assert_close(one, swapped)


def test_scale_of_rows_order_of_rows_and_names_of_labels_change_nothing():
    student, teacher, labels = rows()
    value = categorical_similarity_loss(student, teacher, labels)
    scale = torch.arange(1, 6).double().unsqueeze(1)
    torch.testing.assert_close(categorical_similarity_loss(scale * student, teacher / scale, labels), value)
    torch.testing.assert_close(categorical_similarity_loss(student.flip(0), teacher.flip(0), labels.flip(0)), value)
    torch.testing.assert_close(categorical_similarity_loss(student, teacher, 7 - 3 * labels), value)
    torch.testing.assert_close(CategoricalSimilarityLoss(loss_weight=0.5)(student, teacher, labels), 0.5 * value)


def test_zero_rows_are_finite():
    student, teacher, labels = rows()
    student[0] = teacher[0] = teacher[3] = 0
    value, slope = gradient(categorical_similarity_loss, student, teacher, labels)
    torch.testing.assert_close(value, literal(student, teacher, labels))
    assert slope.isfinite().all() and slope[0].eq(0).all()


def test_no_row_is_a_connected_zero_of_both_sides():
    student, teacher = torch.zeros(0, 3, requires_grad=True), torch.zeros(0, 3, requires_grad=True)
    value = categorical_similarity_loss(student, teacher, torch.zeros(0, dtype=torch.long))
    value.backward()
    assert value.item() == 0 and student.grad.shape == teacher.grad.shape == (0, 3)


@pytest.mark.parametrize('temperature', [0.5, 0.07])
def test_precision(temperature):
    check_precision(lambda *inputs: categorical_similarity_loss(*inputs, temperature), *rows())
    check_large(lambda *inputs: categorical_similarity_loss(*inputs, temperature), *rows())


def test_backward_keeps_one_matrix_of_all_rows():
    inputs = normal(32, 4), normal(32, 4, seed=1), torch.arange(32) % 4
    assert matrices_kept(categorical_similarity_loss, 64 * 64, *inputs) == 1


# gradcheck

@pytest.mark.parametrize('eps', [0.0, 0.1])
def test_gradcheck_of_a_detached_maximum(eps):
    student, teacher, labels = rows()
    # The maximum is the own entry, a constant: the numerical gradient does not see that it is detached.
    assert gradcheck(lambda *pair: categorical_similarity_loss(*pair, labels, 0.5, eps),
                     (student.requires_grad_(), teacher.requires_grad_()))


# compile

@pytest.mark.parametrize('eps', [0.0, 1e-7])
def test_compile_in_one_graph(eps):
    check_compile(CategoricalSimilarityLoss(temperature=0.2, eps=eps, loss_weight=0.5), *rows())
