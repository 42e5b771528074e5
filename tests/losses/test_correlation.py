"""Pearson's correlation against numpy's, and what backward keeps of it."""
import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses.correlation import correlation
from tests.losses.common import check_compile, gradient, matrices_kept, normal

COUNTS = torch.tensor([True, False, True, True]).unsqueeze(1)


def pair():
    return normal(4, 7), normal(4, 7, seed=1)


def total(dim, counts=None):
    """A loss in which every correlation has a weight of its own."""
    def loss(student, teacher):
        values = correlation(student, teacher, dim, counts)
        return (values * torch.arange(1, len(values) + 1)).sum()
    return loss


def test_rows_and_columns_by_numpy():
    student, teacher = pair()
    for dim, sides in ((1, (student, teacher)), (0, (student.T, teacher.T))):
        expected = [np.corrcoef(*vectors)[0, 1] for vectors in zip(*(side.numpy() for side in sides), strict=True)]
        np.testing.assert_allclose(correlation(student, teacher, dim).numpy(), expected, rtol=1e-6)


def test_rows_that_do_not_count_are_not_there():
    student, teacher = pair()
    value, slope = gradient(total(0, COUNTS), student, teacher)
    chosen, chosen_slope = gradient(total(0), student[COUNTS[:, 0]], teacher[COUNTS[:, 0]])
    torch.testing.assert_close(value, chosen)
    torch.testing.assert_close(slope[COUNTS[:, 0]], chosen_slope)
    assert slope[~COUNTS[:, 0]].eq(0).all()


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
@pytest.mark.parametrize('constant', [0.1, 1 / 3, 1e-6, 1e4])
def test_what_does_not_vary_is_uncorrelated_and_pulls_nowhere(dtype, constant):
    student, teacher = (side.to(dtype) for side in pair())
    student[1], teacher[2] = constant, constant
    value = correlation(student, teacher, 1)
    slope = gradient(total(1), student, teacher)[1]
    assert value[1:3].eq(0).all() and value[0] != 0
    assert slope[1:3].eq(0).all() and slope[0].abs().max() > 0


def test_backward_keeps_both_matrices_alone():
    assert matrices_kept(total(0), 28, *pair()) == matrices_kept(total(1), 28, *pair()) == 2


@pytest.mark.parametrize('dim, counts', [(0, None), (0, COUNTS), (1, None)])
def test_gradcheck(dim, counts):
    student, teacher = pair()
    assert gradcheck(lambda x: correlation(x, teacher, dim, counts), student.requires_grad_())


@pytest.mark.parametrize('dim, counts', [(0, None), (0, COUNTS), (1, None)])
def test_compile_in_one_graph(dim, counts):
    check_compile(total(dim, counts), *pair())
