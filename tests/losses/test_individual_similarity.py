"""IndividualSimilarityLoss against numbers computed by hand and recorded ones."""
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import IndividualSimilarityLoss, individual_similarity_loss
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


def rows():
    return normal(5, 4), normal(5, 4, seed=1), torch.tensor([1.0, 0.0, 0.5, 2.0, 0.0], dtype=torch.float64)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='IndividualSimilarityLoss', loss_weight=0.5))
    value = loss(torch.randn(2, 3), torch.randn(2, 3))
    assert value.shape == () and value.dtype == torch.float32
    assert 'loss_weight=0.5' in repr(loss)


# exceptions

def test_bad_arguments():
    with pytest.raises(ValueError, match='loss_weight is -1'):
        IndividualSimilarityLoss(loss_weight=-1)


def test_bad_calls():
    student, teacher, weight = rows()
    with pytest.raises(ValueError, match=r'both must be \(M, D\) with equal M and D: project one of them'):
        individual_similarity_loss(student, teacher[:, :2])
    with pytest.raises(ValueError, match=r'it must be \(5,\)'):
        individual_similarity_loss(student, teacher, weight.unsqueeze(1))


# shapes

@pytest.mark.parametrize('shape', [(1, 1), (1, 8), (6, 2)])
def test_is_the_squared_distance_of_unit_rows(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    distance = (F.normalize(student) - F.normalize(teacher)).square().sum(dim=1).mean()
    torch.testing.assert_close(individual_similarity_loss(student, teacher), distance)


# values

@pytest.mark.parametrize('case', reference.cases('mlkd', of='IndividualSimilarityLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(IndividualSimilarityLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('teacher, expected', [
    ([2.0, 0.0], 0.0), ([3.0, 4.0], 0.8), ([0.0, 1.0], 2.0), ([-1.0, 0.0], 4.0), ([0.0, 0.0], 2.0)])
def test_by_hand(teacher, expected):
    value = individual_similarity_loss(torch.tensor([[5.0, 0.0]]), torch.tensor([teacher]))
    assert value.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_a_zero_row_of_the_student_has_the_term_two_and_no_gradient(dtype):
    student = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=dtype)
    value, slope = gradient(individual_similarity_loss, student, torch.tensor([[1.0, 1.0], [1.0, 2.0]]))
    assert value.item() == pytest.approx(1, abs=1e-6)
    assert slope[0].eq(0).all() and slope.isfinite().all()


def test_scale_of_rows_changes_nothing_and_the_gradient_is_orthogonal():
    student, teacher, weight = rows()
    value, slope = gradient(individual_similarity_loss, student, teacher, weight)
    scale = torch.tensor([1e-3, 1, 10, 1e6, 3]).double().unsqueeze(1)
    torch.testing.assert_close(individual_similarity_loss(scale * student, teacher / scale, weight), value)
    torch.testing.assert_close((slope * student).sum(dim=1), torch.zeros(5).double())


def test_weights_loss_weight_duplicated_batch_and_permuted_rows():
    student, teacher, weight = rows()
    value = individual_similarity_loss(student, teacher, weight)
    torch.testing.assert_close(IndividualSimilarityLoss(loss_weight=0.5)(student, teacher, weight), 0.5 * value)
    twice = [torch.cat([tensor, tensor]) for tensor in (student, teacher, weight)]
    torch.testing.assert_close(individual_similarity_loss(*twice), value)
    torch.testing.assert_close(individual_similarity_loss(student.flip(0), teacher.flip(0), weight.flip(0)), value)
    kept = [tensor[weight > 0] for tensor in (student, teacher)]
    torch.testing.assert_close(individual_similarity_loss(student, teacher, weight > 0),
                               individual_similarity_loss(*kept))


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_rows_of_weight_zero_reach_neither_value_nor_gradient(rubbish, dtype):
    student, teacher, weight = rows()
    student, teacher = student.to(dtype), teacher.to(dtype)
    clean = individual_similarity_loss(student, teacher, weight)
    student[weight == 0] = teacher[weight == 0] = rubbish
    value, slope = gradient(individual_similarity_loss, student, teacher, weight)
    torch.testing.assert_close(value, clean)
    assert slope[weight == 0].eq(0).all() and slope[weight > 0].ne(0).all() and slope.isfinite().all()


def test_no_valid_row_is_a_connected_zero():
    hot = torch.full((2, 3), 65504.0, dtype=torch.float16)
    check_connected_zero(individual_similarity_loss, hot, -hot, torch.zeros(2))
    check_connected_zero(individual_similarity_loss, hot[:0], hot[:0])


def test_precision():
    check_precision(individual_similarity_loss, *rows())
    check_large(individual_similarity_loss, *rows())


def test_teacher_is_detached():
    check_teacher_detached(individual_similarity_loss, *rows())


# gradcheck

@pytest.mark.parametrize('weighted', [False, True])
def test_gradcheck(weighted):
    student, teacher, weight = rows()
    weight = weight if weighted else None
    assert gradcheck(lambda x: individual_similarity_loss(x, teacher, weight), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    check_compile(IndividualSimilarityLoss(loss_weight=0.5), *rows())
