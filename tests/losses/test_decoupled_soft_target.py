"""DecoupledSoftTargetLoss against numbers computed by hand and a plain computation of the paper's formula."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import DecoupledSoftTargetLoss, decoupled_soft_target_loss, soft_target_loss
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

BY_HAND = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # KL of (3/4, 1/4) from (1/2, 1/2)
LOG3 = math.log(3.0)


def rows(count=6, classes=5):
    labels = torch.arange(count) % classes
    return normal(count, classes), normal(count, classes, seed=1), labels


def maps():
    labels = torch.tensor([[[0, 4, 1]], [[2, 2, 3]]])
    mask = torch.tensor([[[True, False, True]], [[True, True, False]]])
    return normal(2, 5, 1, 3), normal(2, 5, 1, 3, seed=1), labels, mask


def plain(student, teacher, labels, temperature):
    """The two parts of every row, written down by probabilities."""
    parts = []
    for own, other, label in zip(student, teacher, labels.tolist(), strict=True):
        p, q = ((side / temperature).exp() / (side / temperature).exp().sum() for side in (own, other))
        target = q[label] * (q[label] / p[label]).log() + (1 - q[label]) * ((1 - q[label]) / (1 - p[label])).log()
        others = [index for index in range(len(p)) if index != label]
        p, q = p[others] / p[others].sum(), q[others] / q[others].sum()
        parts.append(torch.stack([target, (q * (q / p).log()).sum()]))
    return temperature ** 2 * torch.stack(parts).mean(0)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='DecoupledSoftTargetLoss', target_weight=2.0, nontarget_weight=3.0, loss_weight=0.5))
    value = loss(torch.randn(2, 3), torch.randn(2, 3), torch.tensor([0, 2]))
    assert value.shape == () and value.dtype == torch.float32
    assert 'target_weight=2.0, nontarget_weight=3.0, temperature=4.0, loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0.0), 'temperature is 0.0, it must be greater than 0'),
    (dict(target_weight=-1.0), 'target_weight is -1.0, it must be at least 0'),
    (dict(nontarget_weight=float('nan')), 'nontarget_weight is nan, it must be at least 0'),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        DecoupledSoftTargetLoss(**arguments)


def test_temperature_set_to_zero_later_is_refused_in_the_call():
    loss = DecoupledSoftTargetLoss()
    loss.temperature = 0
    with pytest.raises(ValueError, match='temperature is 0'):
        loss(*rows())


@pytest.mark.parametrize('student, teacher', [((2, 3), (2, 4)), ((2, 1), (2, 1)), ((2,), (2,)), ((2, 3, 4), (2, 3))])
def test_logits_that_cannot_be_compared(student, teacher):
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, \*\) with two classes or more'):
        decoupled_soft_target_loss(torch.randn(student), torch.randn(teacher), torch.zeros(2, dtype=torch.long))


@pytest.mark.parametrize('labels', [torch.zeros(3, dtype=torch.long), torch.zeros(2), torch.zeros(2, 3)])
def test_labels_that_do_not_fit(labels):
    with pytest.raises(ValueError, match=r'they must be torch.int64 with the shape \(2,\): one class per position'):
        decoupled_soft_target_loss(torch.randn(2, 3), torch.randn(2, 3), labels)


@pytest.mark.parametrize('mask', [torch.ones(2), torch.ones(3, dtype=torch.bool)])
def test_masks_that_do_not_fit(mask):
    with pytest.raises(ValueError, match=r'it must be torch.bool with the shape \(2,\)'):
        decoupled_soft_target_loss(torch.randn(2, 3), torch.randn(2, 3), torch.tensor([0, 1]), mask=mask)


# shapes

@pytest.mark.parametrize('shape', [(1, 2), (3, 2, 4), (2, 5, 3, 1), (1, 3, 2, 2, 2)])
def test_positions_are_rows(shape):
    student, teacher = normal(*shape), normal(*shape, seed=1)
    labels = torch.arange(student[:, 0].numel()).reshape(student[:, 0].shape) % shape[1]
    flat = [side.movedim(1, -1).reshape(-1, shape[1]) for side in (student, teacher)]
    torch.testing.assert_close(
        decoupled_soft_target_loss(student, teacher, labels), decoupled_soft_target_loss(*flat, labels.flatten()))


# values

@pytest.mark.parametrize('temperature', [1.0, 4.0])
@pytest.mark.parametrize('weights', [(1.0, 8.0), (2.0, 0.5), (1.0, 0.0), (0.0, 1.0)])
def test_is_the_formula_of_the_paper(temperature, weights):
    student, teacher, labels = rows(7)
    value, slope = gradient(
        lambda own: decoupled_soft_target_loss(own, teacher, labels, *weights, temperature), student)
    expected, expected_slope = gradient(
        lambda own: (plain(own, teacher, labels, temperature) * torch.tensor(weights)).sum(), student)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, expected_slope)


@pytest.mark.parametrize('temperature', [1.0, 2.0])
def test_by_hand(temperature):
    # the teacher gives the label 3/4, and to each of two others 1/8; then 1/2, and to the others 3/8 and 1/8
    student = torch.zeros(2, 3)
    student[:, 0] = temperature * math.log(2.0)
    teacher = temperature * torch.tensor([[math.log(6.0), 0.0, 0.0], [math.log(4.0), LOG3, 0.0]])
    labels = torch.zeros(2, dtype=torch.long)
    value = decoupled_soft_target_loss(student, teacher, labels, 3.0, 5.0, temperature)
    assert value.item() == pytest.approx(temperature ** 2 * (3 * BY_HAND + 5 * BY_HAND) / 2, rel=1e-5)


def test_soft_targets_are_the_target_part_and_the_others_weighted_by_their_probability():
    student, teacher, labels = (tensor[:1] for tensor in rows())
    rest = 1 - teacher.softmax(1)[0, labels[0]].item()
    value = decoupled_soft_target_loss(student, teacher, labels, 1.0, rest, 1.0)
    torch.testing.assert_close(value, soft_target_loss(student, teacher, temperature=1.0))


def test_two_classes_have_no_others_to_rank():
    student, teacher, labels = rows(4, 2)
    torch.testing.assert_close(
        decoupled_soft_target_loss(student, teacher, labels), soft_target_loss(student, teacher, temperature=4.0))


@pytest.mark.parametrize('label', [0, 4])
def test_all_labels_equal(label):
    student, teacher, labels = rows()
    labels = torch.full_like(labels, label)
    expected = (plain(student, teacher, labels, 4.0) * torch.tensor([1.0, 8.0])).sum()
    torch.testing.assert_close(decoupled_soft_target_loss(student, teacher, labels), expected)


def test_a_sure_teacher_keeps_its_digits():
    student, teacher = torch.tensor([[20.0, 0.0, 1.0]]), torch.tensor([[25.0, 1.0, 0.0]])
    labels = torch.tensor([0])
    value, slope = gradient(lambda own: decoupled_soft_target_loss(own, teacher, labels, 1.0, 0.0, 1.0), student)
    expected, expected_slope = gradient(
        lambda own: decoupled_soft_target_loss(own, teacher.double(), labels, 1.0, 0.0, 1.0), student.double())
    torch.testing.assert_close(value.double(), expected, rtol=1e-3, atol=0)
    torch.testing.assert_close(slope.double(), expected_slope, rtol=1e-4, atol=0)


def test_permutations_shifts_duplicated_batch_and_loss_weight():
    student, teacher, labels = rows()
    value = decoupled_soft_target_loss(student, teacher, labels)
    order = torch.tensor([3, 0, 4, 1, 2])
    moved = order.argsort()[labels]
    torch.testing.assert_close(decoupled_soft_target_loss(student[:, order], teacher[:, order], moved), value)
    torch.testing.assert_close(decoupled_soft_target_loss(student.flip(0), teacher.flip(0), labels.flip(0)), value)
    torch.testing.assert_close(decoupled_soft_target_loss(student + 7, teacher - 3, labels), value)
    twice = [torch.cat([tensor, tensor]) for tensor in (student, teacher, labels)]
    torch.testing.assert_close(decoupled_soft_target_loss(*twice), value)
    torch.testing.assert_close(DecoupledSoftTargetLoss(loss_weight=0.5)(student, teacher, labels), 0.5 * value)


def test_equal_logits_have_no_distance():
    student, _, labels = rows()
    value, slope = gradient(decoupled_soft_target_loss, student, student + 2, labels)
    torch.testing.assert_close(value, torch.zeros(()).double())
    torch.testing.assert_close(slope, torch.zeros_like(student))


@pytest.mark.parametrize('rubbish', [float('inf'), -float('inf'), float('nan'), 6e4])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
def test_hidden_positions_reach_neither_value_nor_gradient(rubbish, dtype):
    student, teacher, labels, mask = maps()
    student, teacher = student.to(dtype), teacher.to(dtype)
    flat = [side.movedim(1, -1)[mask] for side in (student, teacher)]
    clean = decoupled_soft_target_loss(*flat, labels[mask])
    for tensor in (student, teacher):
        tensor.movedim(1, -1)[~mask] = rubbish
    labels[~mask] = 255
    value, slope = gradient(lambda own: decoupled_soft_target_loss(own, teacher, labels, mask=mask), student)
    torch.testing.assert_close(value, clean)
    slope = slope.movedim(1, -1)
    assert slope[~mask].eq(0).all() and slope[mask].ne(0).any() and slope.isfinite().all()


def test_nothing_valid_is_a_connected_zero():
    student, teacher, labels, mask = maps()
    check_connected_zero(
        lambda own: decoupled_soft_target_loss(own, teacher, labels, mask=mask & False), student.half() * float('nan'))
    check_connected_zero(decoupled_soft_target_loss, torch.zeros(0, 3), torch.zeros(0, 3), labels[:0, 0, 0])
    check_connected_zero(lambda own: decoupled_soft_target_loss(own, teacher, labels, 0.0, 0.0), student)


def test_a_part_of_weight_zero_is_not_computed():
    student, teacher, labels = rows(4, 3)
    teacher[:, 0] = float('nan')
    labels = labels * 0
    assert decoupled_soft_target_loss(student, teacher, labels, 0.0, 1.0).isfinite()
    assert decoupled_soft_target_loss(student, teacher, labels, 1.0, 1.0).isnan()


def test_precision():
    student, teacher, labels = rows()
    check_precision(decoupled_soft_target_loss, 3 * student, 3 * teacher, labels)
    check_large(decoupled_soft_target_loss, student, teacher, labels)


def test_teacher_is_detached():
    check_teacher_detached(decoupled_soft_target_loss, *rows())


# gradcheck

@pytest.mark.parametrize('masked', [False, True])
def test_gradcheck(masked):
    student, teacher, labels, mask = maps()
    assert gradcheck(
        lambda x: decoupled_soft_target_loss(x, teacher, labels, mask=mask if masked else None),
        student.requires_grad_())


# compile

@pytest.mark.parametrize('masked', [False, True])
def test_compile_in_one_graph(masked):
    student, teacher, labels, mask = maps()
    check_compile(DecoupledSoftTargetLoss(temperature=2.0), student, teacher, labels, *([mask] if masked else []))
