"""BatchSimilarityLoss against numbers computed by hand and a plain computation."""
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import BatchSimilarityLoss, batch_similarity_loss
from mmkd.registry import MODELS
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


def maps(count=4):
    return normal(count, 3, 2, 5), normal(count, 2, 4, 3, seed=1)


def plain(student, teacher):
    total, count = 0.0, len(student)
    for i in range(count):
        rows = [torch.stack([(side[i] * side[j]).sum() for j in range(count)]) for side in (student, teacher)]
        own, other = (row / row.pow(2).sum().sqrt() for row in rows)
        total = total + (own - other).pow(2).sum()
    return total / count ** 2


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='BatchSimilarityLoss', loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 5))
    assert value.shape == () and value.dtype == torch.float32
    assert 'loss_weight=0.5' in repr(loss)


# exceptions

def test_bad_arguments():
    with pytest.raises(ValueError, match='loss_weight is -1'):
        BatchSimilarityLoss(loss_weight=-1)


@pytest.mark.parametrize('student, teacher', [((2, 3), (3, 3)), ((2,), (2,)), ((2, 3, 4, 4), (1, 3, 4, 4))])
def test_different_images(student, teacher):
    with pytest.raises(ValueError, match=r'both must be \(B, \*\) with equal B'):
        batch_similarity_loss(torch.randn(student), torch.randn(teacher))


# shapes

@pytest.mark.parametrize('own, other', [((2, 1), (2, 7, 1, 1)), ((3, 2, 2, 2), (3, 2, 2, 2)), ((5, 4), (5, 6, 2))])
def test_networks_may_have_any_channels_and_sizes(own, other):
    student, teacher = normal(*own), normal(*other, seed=1)
    value, slope = gradient(batch_similarity_loss, student, teacher)
    torch.testing.assert_close(value, plain(student, teacher))
    assert slope.shape == own


# values

def test_is_the_formula_of_the_paper():
    value, slope = gradient(batch_similarity_loss, *maps())
    expected, expected_slope = gradient(plain, *maps())
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, expected_slope)


def test_by_hand():
    student = torch.tensor([[1.0, 0.0], [0.0, 2.0]])  # no similarity: rows (1, 0) and (0, 1)
    teacher = torch.tensor([[3.0], [4.0]])  # rows (9, 12) / 15 and (12, 16) / 20
    assert batch_similarity_loss(student, teacher).item() == pytest.approx((0.4**2 + 0.8**2 + 0.6**2 + 0.2**2) / 4)


def test_order_scale_and_rotation_of_features_duplicated_batch_and_loss_weight():
    student, teacher = maps()
    value = batch_similarity_loss(student, teacher)
    for dim in range(4):
        torch.testing.assert_close(batch_similarity_loss(student.flip(dim), teacher.flip(dim)), value)
    torch.testing.assert_close(batch_similarity_loss(7 * student, 0.1 * teacher), value)
    turn = torch.linalg.qr(normal(30, 30, seed=2)).Q
    torch.testing.assert_close(batch_similarity_loss(student.flatten(1) @ turn, teacher), value)
    # rows of twice the length have norms larger by the root of 2, and their mean square is half
    twice = batch_similarity_loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1))
    torch.testing.assert_close(twice, value / 2)
    torch.testing.assert_close(BatchSimilarityLoss(loss_weight=0.5)(student, teacher), 0.5 * value)


def test_positions_of_zeros_add_nothing():
    student, teacher = maps()
    value = batch_similarity_loss(student, teacher)
    padded = [torch.nn.functional.pad(side, (0, 2, 0, 3)) for side in (student, teacher)]
    torch.testing.assert_close(batch_similarity_loss(*padded), value)


def test_equal_images_and_images_of_zeros():
    student, teacher = maps()
    equal = student[:1].repeat(4, 1, 1, 1)
    value, slope = gradient(batch_similarity_loss, equal, teacher[:1].repeat(4, 1, 1, 1))
    assert value.abs() < 1e-12 and slope.isfinite().all()
    value, slope = gradient(batch_similarity_loss, 0 * student, teacher)
    assert value.isfinite() and slope.eq(0).all()


@pytest.mark.parametrize('shape', [(1, 3, 2, 2), (0, 3, 2, 2), (2, 0, 2, 2)])
def test_nothing_to_compare_is_a_connected_zero(shape):
    check_connected_zero(batch_similarity_loss, torch.full(shape, 6e4).half(), torch.randn(shape[0], 5))


def test_precision():
    check_precision(batch_similarity_loss, *maps())
    check_large(batch_similarity_loss, *maps())


def test_teacher_is_detached():
    check_teacher_detached(batch_similarity_loss, *maps())


def test_nothing_larger_than_the_features_is_kept():
    student, teacher = normal(4, 8, 8, 8), normal(4, 8, 8, 8, seed=1)
    assert matrices_kept(batch_similarity_loss, student.numel(), student, teacher) <= 1
    assert matrices_kept(batch_similarity_loss, student.numel() + 1, student, teacher) == 0


# gradcheck

def test_gradcheck():
    student, teacher = maps()
    assert gradcheck(lambda x: batch_similarity_loss(x, teacher), student.requires_grad_())


# compile

def test_compile_in_one_graph():
    check_compile(BatchSimilarityLoss(loss_weight=0.5), *maps())
