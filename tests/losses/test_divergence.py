"""The divergence between softmaxes, which many losses share."""
import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses.divergence import softmax_divergence
from tests.losses.common import check_compile, check_teacher_detached, gradient, matrices_kept, normal


def total(student, teacher, dim=1, temperature=2.0, hidden=None):
    return softmax_divergence(student, teacher, dim, temperature, hidden).sum()


@pytest.mark.parametrize('dim', [1, 2, -1])
def test_is_the_formula(dim):
    student, teacher = normal(3, 4, 5), normal(3, 4, 5, seed=1)
    expected = F.kl_div((student / 2).log_softmax(dim), (teacher / 2).softmax(dim), reduction='none').sum(dim)
    torch.testing.assert_close(softmax_divergence(student, teacher, dim, 2.0), expected)


def test_hidden_entries_are_in_no_softmax_whatever_they_hold():
    student, teacher = normal(3, 6), normal(3, 6, seed=1)
    hidden = torch.zeros(3, 6, dtype=torch.bool)
    hidden[:, 4:] = True
    hidden[2] = True
    dirty = student.masked_fill(hidden, float('nan'))
    value, slope = gradient(total, dirty, teacher, 1, 2.0, hidden)
    expected, expected_slope = gradient(total, student[:2, :4], teacher[:2, :4])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope[:2, :4], expected_slope)
    assert slope[hidden].eq(0).all() and dirty[hidden].isnan().all()


def test_nearly_equal_networks_keep_their_digits_in_single_precision():
    student = normal(8, 10)
    teacher = student + 1e-2 * normal(8, 10, seed=1)
    student, teacher = student.float(), teacher.float()
    torch.testing.assert_close(
        total(student, teacher).double(), total(student.double(), teacher.double()), rtol=3e-3, atol=0)


def test_gradient():
    student, teacher = normal(2, 3, 4).requires_grad_(), normal(2, 3, 4, seed=1)
    assert gradcheck(total, (student, teacher))
    check_teacher_detached(total, student.detach(), teacher)
    check_compile(total, normal(4, 5), normal(4, 5, seed=1))


def test_backward_keeps_one_tensor():
    assert matrices_kept(total, 64 * 64, normal(64, 64), normal(64, 64, seed=1)) == 1
