"""Squared distances of softmaxes against the plain computation, and what backward keeps of them."""
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses.softmax_distance import squared_softmax_distance
from tests.losses.common import check_compile, gradient, matrices_kept, normal


def plain(rows, target):
    return (rows.softmax(dim=-1) - target).square().sum(dim=-1)


def pair(*shape):
    shape = shape or (4, 7)
    return normal(*shape), normal(*shape, seed=1).softmax(dim=-1)


@pytest.mark.parametrize('shape', [(4, 7), (2, 3, 5), (3, 1)])
def test_is_the_squared_distance_to_softmaxes(shape):
    rows, target = pair(*shape)
    torch.testing.assert_close(squared_softmax_distance(rows, target), plain(rows, target))
    _, slope = gradient(lambda *both: squared_softmax_distance(*both).sum(), rows, target)
    torch.testing.assert_close(slope, gradient(lambda *both: plain(*both).sum(), rows, target)[1])


def test_the_target_and_the_rows_are_left_as_they_were():
    rows, target = pair()
    copies = rows.clone(), target.clone()
    gradient(lambda *both: squared_softmax_distance(*both).sum(), rows, target)
    assert rows.equal(copies[0]) and target.equal(copies[1])


def test_one_tensor_of_the_size_of_the_rows_is_kept():
    assert matrices_kept(lambda *both: squared_softmax_distance(*both).sum(), 28, *pair()) == 1


def test_gradcheck():
    rows, target = pair()
    assert gradcheck(lambda x: squared_softmax_distance(x, target), rows.requires_grad_())


def test_compile_in_one_graph():
    check_compile(lambda *both: squared_softmax_distance(*both).sum(), *pair())
