"""OverhaulLoss against its formula."""
import math

import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import OverhaulLoss
from mmkd.registry import MODELS
from tests.losses.common import check_compile, check_teacher_detached, normal

MARGIN = -0.7978845608


def fixed(*channels, **arguments):
    torch.manual_seed(3)
    return OverhaulLoss(*channels, **arguments).double().eval()


def identity(loss_weight=1.0, **arguments):
    """A loss whose regressor gives back what it gets."""
    loss = OverhaulLoss([1], [1], loss_weight=loss_weight, **arguments).double().eval()
    loss.regressors[0][0].weight.data.fill_(1)
    loss.regressors[0][1].eps = 1e-30
    return loss


def maps():
    student = [normal(2, 3, 4, 4), normal(2, 4, 2, 2, seed=1), normal(2, 2, 1, 1, seed=4)]
    return student, [normal(2, 5, 4, 4, seed=2), normal(2, 6, 2, 2, seed=3), normal(2, 3, 1, 1, seed=5)]


def row(*values):
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='OverhaulLoss', in_channels=[3], out_channels=[5], loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4))
    assert value.shape == () and value.dtype == torch.float32 and 'margin=-0.79788' in repr(loss)


# exceptions

def test_bad_arguments():
    with pytest.raises(ValueError, match=r'margin is 0.1, it must be at most 0'):
        OverhaulLoss([3], [5], margin=0.1)
    with pytest.raises(ValueError, match='margin is nan'):
        OverhaulLoss([3], [5], margin=math.nan)
    with pytest.raises(ValueError, match='loss_weight is -1'):
        OverhaulLoss([3], [5], loss_weight=-1)


def test_bad_calls():
    with pytest.raises(ValueError, match=r'the channels \[\(3, 5\)\]'):
        OverhaulLoss([3], [5])(torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2))


# shapes

@pytest.mark.parametrize('size', [(1, 1), (3, 7)])
def test_any_size(size):
    assert fixed([3], [5])(normal(2, 3, *size), normal(2, 5, *size)).shape == ()


# values

@pytest.mark.parametrize('own, target, expected', [
    (3.0, 1.0, 4.0),  # active in the teacher
    (-2.0, 1.0, 9.0),
    (-0.5, -3.0, (-0.5 - MARGIN) ** 2),  # above the margin where the teacher is off
    (-0.9, -3.0, 0.0),  # below it: nothing to learn
    (-0.1, -0.2, 0.01),  # the margin bounds, it does not replace
    (-0.3, -0.2, 0.0),
])
def test_one_element_by_hand(own, target, expected):
    assert identity()(row(own), row(target)).item() == pytest.approx(expected, abs=1e-9)


def test_elements_are_summed_and_images_averaged():
    student, teacher = row(3.0, -2.0, -0.5), row(1.0, 1.0, -3.0)
    expected = 4 + 9 + (-0.5 - MARGIN) ** 2
    assert identity(2.0)(student, teacher).item() == pytest.approx(2 * expected)
    assert identity()(student.repeat(3, 1, 1, 1), teacher.repeat(3, 1, 1, 1)).item() == pytest.approx(expected)
    assert identity(margin=-1.0)(row(-0.5), row(-3.0)).item() == pytest.approx(0.25)


def test_a_level_weighs_half_of_the_next():
    loss, (student, teacher) = fixed([3, 4, 2], [5, 6, 3]), maps()
    single = []
    for level in range(3):
        one = fixed([student[level].shape[1]], [teacher[level].shape[1]])
        one.regressors[0] = loss.regressors[level]
        single.append(one(student[level], teacher[level]))
    torch.testing.assert_close(loss(student, teacher), single[0] / 4 + single[1] / 2 + single[2])


def test_padding_does_not_count():
    loss, student, teacher = fixed([3], [5]), normal(2, 3, 4, 4), normal(2, 5, 4, 4, seed=1)
    mask = torch.zeros(2, 4, 4).bool()
    mask[:, :3] = True
    torch.testing.assert_close(loss(student, teacher, mask), loss(student[:, :, :3], teacher[:, :, :3]))


def test_autocast_sums_in_float32():
    loss, student, teacher = fixed([3], [5]).float(), normal(2, 3, 4, 4).float(), normal(2, 5, 4, 4, seed=1).float()
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(student, teacher)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(student, teacher), rtol=2e-2, atol=0)


def test_the_teacher_is_detached_and_the_regressors_are_trained():
    loss = fixed([3], [5])
    check_teacher_detached(loss, normal(2, 3, 4, 4), normal(2, 5, 4, 4, seed=1))
    assert all(parameter.grad.abs().sum() > 0 for parameter in loss.parameters())


# gradcheck

def test_gradcheck():
    loss, (student, teacher) = fixed([3, 4, 2], [5, 6, 3]), maps()
    assert gradcheck(lambda *levels: loss(levels, teacher), [level.requires_grad_() for level in student])


# compile

def test_compile_in_one_graph():
    check_compile(fixed([3], [5]), normal(2, 3, 4, 4), normal(2, 5, 4, 4, seed=1))
