"""HierarchicalContextLoss against numbers computed by hand and by plain loops."""
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import HierarchicalContextLoss, hierarchical_context_loss
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


def maps(height=8, width=8):
    return normal(2, 3, height, width), normal(2, 3, height, width, seed=1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='HierarchicalContextLoss', loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4))
    assert value.shape == () and value.dtype == torch.float32
    assert 'loss_weight=0.5' in repr(loss)


# exceptions

def test_bad_arguments_shapes_and_masks():
    student, teacher = maps()
    with pytest.raises(ValueError, match='loss_weight is -1, it must be at least 0'):
        HierarchicalContextLoss(loss_weight=-1)
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, H, W\)'):
        hierarchical_context_loss(student, teacher[:, :2])
    with pytest.raises(ValueError, match=r'it must be torch\.bool'):
        hierarchical_context_loss(student, teacher, torch.ones(2, 8, 8))


# shapes

@pytest.mark.parametrize('size, weights', [
    ((8, 8), {4: 1 / 2, 2: 1 / 4, 1: 1 / 8}),
    ((5, 7), {4: 1 / 2, 2: 1 / 4, 1: 1 / 8}),
    ((4, 8), {2: 1 / 2, 1: 1 / 4}),
    ((8, 2), {1: 1 / 2}),
    ((1, 9), {}),
    ((1, 1), {}),
])
def test_only_grids_smaller_than_the_map_are_taken(size, weights):
    student, teacher = maps(*size)
    total = F.mse_loss(student, teacher)
    for cells, weight in weights.items():
        total = total + weight * F.mse_loss(*(F.adaptive_avg_pool2d(level, cells) for level in (student, teacher)))
    torch.testing.assert_close(hierarchical_context_loss(student, teacher), total / (1 + sum(weights.values())))


# values

def test_by_hand():
    student, teacher = torch.tensor([[[[1.0, 3.0], [-2.0, 4.0]]]]), torch.zeros(1, 1, 2, 2)
    # mean square 30/4; average 6/4, its square 9/4 with half the weight
    assert hierarchical_context_loss(student, teacher).item() == pytest.approx((7.5 + 0.5 * 2.25) / 1.5)


def test_a_mask_by_hand():
    difference = torch.zeros(1, 1, 4, 4)
    difference[0, 0, :3, :2] = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    mask = torch.zeros(1, 4, 4).bool()
    mask[0, :3, :2] = True
    # Of 2 x 2 cells the upper left averages 1 to 4, the lower left 5 and 6; the others are no image.
    finest, cells, whole = 91 / 6, (2.5**2 + 5.5**2) / 2, 3.5**2
    expected = (finest + cells / 2 + whole / 4) / 1.75
    value = hierarchical_context_loss(difference.masked_fill(~mask, 9.0), torch.zeros(1, 1, 4, 4), mask)
    assert value.item() == pytest.approx(expected)


def test_a_constant_difference_is_alike_at_every_scale():
    student, _ = maps()
    value = hierarchical_context_loss(student, student - 3)
    torch.testing.assert_close(value, torch.tensor(9.0, dtype=torch.float64))
    value = hierarchical_context_loss(student, student - 3, left_half(student))
    torch.testing.assert_close(value, torch.tensor(9.0, dtype=torch.float64))


def test_loss_weight_and_duplicated_batch():
    student, teacher = maps()
    value = hierarchical_context_loss(student, teacher)
    torch.testing.assert_close(HierarchicalContextLoss(loss_weight=0.5)(student, teacher), 0.5 * value)
    twice = hierarchical_context_loss(student.repeat(2, 1, 1, 1), teacher.repeat(2, 1, 1, 1))
    torch.testing.assert_close(twice, value)


def test_a_full_mask_changes_nothing():
    student, teacher = maps(5, 7)
    value = hierarchical_context_loss(student, teacher)
    torch.testing.assert_close(hierarchical_context_loss(student, teacher, torch.ones(2, 5, 7).bool()), value)


def test_what_is_masked_out_has_no_part():
    check_hidden_positions(hierarchical_context_loss, *maps())


@pytest.mark.parametrize('shape', [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2)])
def test_no_element_is_a_connected_zero(shape):
    check_connected_zero(hierarchical_context_loss, torch.zeros(shape), torch.zeros(shape))


def test_no_valid_position_is_a_connected_zero():
    check_connected_zero(hierarchical_context_loss, *maps(), torch.zeros(2, 8, 8).bool())


def test_inputs_are_not_changed():
    student, teacher = maps()
    kept = student.clone(), teacher.clone()
    gradient(hierarchical_context_loss, student, teacher, left_half(student))
    assert student.equal(kept[0]) and teacher.equal(kept[1])


def test_precision():
    check_precision(hierarchical_context_loss, *maps())
    check_large(hierarchical_context_loss, *maps())


def test_teacher_is_detached():
    check_teacher_detached(hierarchical_context_loss, *maps())


# gradcheck

def test_gradcheck():
    student, teacher = maps()
    mask = left_half(student)
    assert gradcheck(lambda x: hierarchical_context_loss(x, teacher), student.requires_grad_())
    assert gradcheck(lambda x: hierarchical_context_loss(x, teacher, mask), student)


# compile

def test_compile_in_one_graph():
    student, teacher = maps()
    check_compile(HierarchicalContextLoss(loss_weight=0.5), student, teacher)
    check_compile(HierarchicalContextLoss(), student, teacher, left_half(student))
