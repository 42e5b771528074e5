"""FitNetLoss against its formula."""
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import FitNetLoss
from mmkd.registry import MODELS
from tests.losses.common import check_compile, check_teacher_detached, normal


def fixed(*channels, **arguments):
    torch.manual_seed(3)
    return FitNetLoss(*channels, **arguments).double().eval()


def maps():
    student = [normal(2, 3, 4, 4), normal(2, 4, 2, 2, seed=1)]
    return student, [normal(2, 5, 4, 4, seed=2), normal(2, 6, 2, 2, seed=3)]


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='FitNetLoss', in_channels=[3], out_channels=[5], loss_weight=0.5))
    value = loss(torch.randn(2, 3, 4, 4), torch.randn(2, 5, 4, 4))
    assert value.shape == () and value.dtype == torch.float32 and 'loss_weight=0.5' in repr(loss)


# exceptions

def test_bad_arguments():
    with pytest.raises(ValueError, match='loss_weight is -1'):
        FitNetLoss([3], [5], loss_weight=-1)
    with pytest.raises(ValueError, match='the same number of levels'):
        FitNetLoss([3], [5, 6])


def test_bad_calls():
    with pytest.raises(ValueError, match=r'the channels \[\(3, 5\)\]'):
        FitNetLoss([3], [5])(torch.randn(2, 4, 4, 4), torch.randn(2, 5, 4, 4))


# shapes

@pytest.mark.parametrize('size', [(1, 1), (3, 7)])
def test_any_size(size):
    assert fixed([3], [5])(normal(2, 3, *size), normal(2, 5, *size)).shape == ()


# values

def test_by_hand():
    loss = FitNetLoss([1], [2], loss_weight=3.0).double().eval()
    loss.regressors[0][0].weight.data = torch.tensor([2.0, -1.0], dtype=torch.float64).view(2, 1, 1, 1)
    loss.regressors[0][1].eps = 1e-30
    student = torch.tensor([1.0, 3.0], dtype=torch.float64).view(1, 1, 1, 2)
    # regressed and rectified: 2, 6 and 0, 0
    teacher = torch.tensor([[1.0, 5.0], [3.0, -1.0]], dtype=torch.float64).view(1, 2, 1, 2)
    assert loss(student, teacher).item() == pytest.approx(3 * (1 + 1 + 9 + 1) / 4)


def test_levels_are_summed_and_each_is_a_mean():
    loss, (student, teacher) = fixed([3, 4], [5, 6]), maps()
    expected = [F.mse_loss(regressor(own), target)
                for regressor, own, target in zip(loss.regressors, student, teacher, strict=True)]
    torch.testing.assert_close(loss(student, teacher), sum(expected))
    twice = [[level.repeat(2, 1, 1, 1) for level in side] for side in (student, teacher)]
    torch.testing.assert_close(loss(*twice), loss(student, teacher))


def test_padding_does_not_count():
    loss, (student, teacher) = fixed([3, 4], [5, 6]), maps()
    masks = [torch.zeros(2, 4, 4).bool(), torch.zeros(2, 2, 2).bool()]
    masks[0][:, :, :2] = masks[1][:, :, :1] = True
    cut = [[level[..., :level.shape[3] // 2] for level in side] for side in (student, teacher)]
    torch.testing.assert_close(loss(student, teacher, masks), loss(*cut))
    assert loss(student, teacher, [mask & False for mask in masks]) == 0


def test_autocast_sums_in_float32():
    loss, (student, teacher) = fixed([3, 4], [5, 6]).float(), [[level.float() for level in side] for side in maps()]
    with torch.autocast('cpu', torch.bfloat16):
        value = loss(student, teacher)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(student, teacher), rtol=1e-2, atol=1e-3)


def test_the_teacher_is_detached_and_the_regressors_are_trained():
    loss = fixed([3], [5])
    check_teacher_detached(loss, normal(2, 3, 4, 4), normal(2, 5, 4, 4, seed=1))
    assert all(parameter.grad.abs().sum() > 0 for parameter in loss.parameters())


# gradcheck

def test_gradcheck():
    loss, (student, teacher) = fixed([3, 4], [5, 6]), maps()
    assert gradcheck(lambda *levels: loss(levels, teacher), [level.requires_grad_() for level in student])


# compile

def test_compile_in_one_graph():
    check_compile(fixed([3], [5]), normal(2, 3, 4, 4), normal(2, 5, 4, 4, seed=1))
