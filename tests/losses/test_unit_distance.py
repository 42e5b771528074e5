"""Squared distances of unit rows against the plain computation, and what backward keeps of them."""
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses.unit_distance import squared_unit_distance
from tests.losses.common import check_compile, gradient, matrices_kept, normal


def plain(rows, target):
    return (F.normalize(rows, dim=1) - target).square().sum(dim=1)


def pair():
    return normal(4, 7), F.normalize(normal(4, 7, seed=1), dim=1)


def test_is_the_squared_distance_to_unit_rows():
    rows, target = pair()
    torch.testing.assert_close(squared_unit_distance(rows, target), plain(rows, target))
    _, slope = gradient(lambda *both: squared_unit_distance(*both).sum(), rows, target)
    torch.testing.assert_close(slope, gradient(lambda *both: plain(*both).sum(), rows, target)[1])


def test_zero_rows_of_either_side_and_equal_ones():
    rows, target = pair()
    rows[0], target[1], target[2] = 0, 0, rows[2] / rows[2].norm()
    value, slope = gradient(lambda *both: squared_unit_distance(*both).sum(), rows, target)
    torch.testing.assert_close(value, 2 + plain(rows[3:], target[3:]).sum())
    assert slope.isfinite().all() and slope[1:3].abs().max() < 1e-12


def test_one_tensor_of_the_size_of_the_rows_is_kept():
    assert matrices_kept(lambda *both: squared_unit_distance(*both).sum(), 28, *pair()) == 1


def test_gradcheck():
    rows, target = pair()
    assert gradcheck(lambda x: squared_unit_distance(x, target), rows.requires_grad_())


def test_compile_in_one_graph():
    check_compile(lambda *both: squared_unit_distance(*both).sum(), *pair())
