"""RelationalSimilarityLoss against numbers computed by hand and recorded ones."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import RelationalSimilarityLoss, relational_similarity_loss
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

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of (3/4, 1/4) from (1/2, 1/2)
STEEP = 1 / math.log(3.0)  # at this temperature the cosines 1 and 0 become 3/4 and 1/4


def rows(count=8):
    return normal(count, 5), normal(count, 3, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='RelationalSimilarityLoss', temperature=0.2, loss_weight=0.5))
    value = loss(torch.randn(4, 3), torch.randn(4, 5), num_views=2)
    assert value.shape == () and value.dtype == torch.float32
    assert 'temperature=0.2, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        RelationalSimilarityLoss(**arguments)


@pytest.mark.parametrize('num_views', [0, -1, 3, 16])
def test_rows_that_are_no_multiple_of_the_views(num_views):
    with pytest.raises(ValueError, match=f'num_views is {num_views}, it must be at least 1 and divide the 8 rows'):
        relational_similarity_loss(*rows(), num_views=num_views)


def test_bad_calls():
    student, teacher = rows()
    with pytest.raises(ValueError, match='with equal M: take the same rows of both'):
        relational_similarity_loss(student, teacher[:4])
    with pytest.raises(ValueError, match='temperature is -1'):
        relational_similarity_loss(student, teacher, temperature=-1)


# shapes

@pytest.mark.parametrize('count, num_views', [(2, 1), (8, 1), (8, 2), (8, 4), (8, 8)])
def test_any_number_of_views(count, num_views):
    value, slope = gradient(relational_similarity_loss, *rows(count), num_views)
    assert value >= 0 and slope.shape == (count, 5)
    assert slope.isfinite().all()


# values

@pytest.mark.parametrize('case', reference.cases('mlkd', of='RelationalSimilarityLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(RelationalSimilarityLoss(**case['args']), case, dtype)


def test_one_view_by_hand():
    teacher = torch.tensor([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0]])  # the third row is as far from both others
    value = relational_similarity_loss(torch.ones(3, 4), teacher, temperature=STEEP)
    assert value.item() == pytest.approx(2 / 3 * BY_HAND, rel=1e-5)


def test_two_views_by_hand():
    teacher = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [1.0, 1.0]])  # view 1 of image 0, then of image 1
    value = relational_similarity_loss(torch.ones(4, 4), teacher, num_views=2, temperature=STEEP)
    assert value.item() == pytest.approx(BY_HAND / 2, rel=1e-5)


def test_direction_is_teacher_to_student():
    student = torch.tensor([[2.0, 0.0], [5.0, 0.0], [0.0, 1.0]])
    value = relational_similarity_loss(student, torch.ones(3, 4), temperature=STEEP)
    assert value.item() == pytest.approx(2 / 3 * 0.5 * math.log(4 / 3), rel=1e-5)


@pytest.mark.parametrize('num_views', [1, 2, 4])
def test_scale_of_rows_and_order_of_images_change_nothing(num_views):
    student, teacher = rows()
    value = relational_similarity_loss(student, teacher, num_views)
    scale = torch.arange(1, 9).double().unsqueeze(1)
    torch.testing.assert_close(relational_similarity_loss(scale * student, teacher / scale, num_views), value)
    shuffled = [tensor.unflatten(0, (-1, num_views)).flip(0).flatten(0, 1) for tensor in (student, teacher)]
    torch.testing.assert_close(relational_similarity_loss(*shuffled, num_views), value)


def test_rows_are_image_major():
    student, teacher = rows()
    value = relational_similarity_loss(student, teacher, num_views=2)
    others = [tensor.unflatten(0, (4, 2))[:, [1, 0]].flatten(0, 1) for tensor in (student, teacher)]
    assert not torch.isclose(relational_similarity_loss(*others, num_views=2), value)
    view_major = [tensor.unflatten(0, (4, 2)).transpose(0, 1).flatten(0, 1) for tensor in (student, teacher)]
    assert not torch.isclose(relational_similarity_loss(*view_major, num_views=2), value)


def test_the_order_of_further_views_and_a_duplicated_batch_change_nothing():
    student, teacher = rows()
    value = relational_similarity_loss(student, teacher, num_views=4)
    turned = [tensor.unflatten(0, (2, 4))[:, [0, 3, 1, 2]].flatten(0, 1) for tensor in (student, teacher)]
    torch.testing.assert_close(relational_similarity_loss(*turned, num_views=4), value)
    torch.testing.assert_close(relational_similarity_loss(student.repeat(2, 1), teacher.repeat(2, 1), 4), value)


def test_loss_weight_and_equal_relations():
    student, teacher = rows()
    value = relational_similarity_loss(student, teacher)
    torch.testing.assert_close(RelationalSimilarityLoss(loss_weight=0.5)(student, teacher), 0.5 * value)
    turn = torch.linalg.qr(normal(5, 5, seed=2)).Q
    torch.testing.assert_close(relational_similarity_loss(student @ turn, student), torch.zeros(()).double())


@pytest.mark.parametrize('num_views', [1, 2])
def test_zero_rows_are_finite(num_views):
    student, teacher = rows()
    student[:4] = 0
    teacher[3:6] = 0
    value, slope = gradient(relational_similarity_loss, student, teacher, num_views)
    assert value.isfinite() and slope.isfinite().all() and slope[:4].eq(0).all()


@pytest.mark.parametrize('value', [65504.0, float('inf'), float('nan')])
def test_no_column_is_a_connected_zero(value):
    check_connected_zero(relational_similarity_loss, torch.full((1, 3), value), torch.ones(1, 2))
    for num_views in (1, 4):
        check_connected_zero(relational_similarity_loss, torch.zeros(0, 3).half(), torch.zeros(0, 2), num_views)


@pytest.mark.parametrize('num_views', [1, 2])
def test_precision(num_views):
    check_precision(lambda *inputs: relational_similarity_loss(*inputs, num_views, 0.1), *rows())
    check_large(lambda *inputs: relational_similarity_loss(*inputs, num_views, 0.01), *rows())


def test_teacher_is_detached():
    check_teacher_detached(relational_similarity_loss, *rows())


def test_backward_keeps_one_matrix_per_network():
    assert matrices_kept(relational_similarity_loss, 64 * 64, *rows(64)) <= 2


# gradcheck

@pytest.mark.parametrize('num_views', [1, 2, 4])
def test_gradcheck(num_views):
    student, teacher = rows()
    assert gradcheck(lambda x: relational_similarity_loss(x, teacher, num_views), student.requires_grad_())


# compile

@pytest.mark.parametrize('num_views', [1, 2])
def test_compile_in_one_graph(num_views):
    check_compile(RelationalSimilarityLoss(temperature=0.2, loss_weight=0.5), *rows(), num_views)
