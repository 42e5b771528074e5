"""squared_gram_distance against the matrices it does without."""
import pytest
import torch
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from mmkd.losses import squared_gram_distance
from tests.losses.common import check_compile, gradient, normal


class Largest(TorchDispatchMode):
    """Remembers how many elements the largest tensor has that any operation makes."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, torch.Tensor):
                self.numel = max(self.numel, tensor.numel())
        return made


def naive(student, teacher):
    return (student @ student.mT - teacher @ teacher.mT).square().sum(dim=(-2, -1))


# smoke

def test_returns_a_distance_per_image_in_float64():
    value = squared_gram_distance(torch.randn(3, 9, 2), torch.randn(3, 9, 4))
    assert value.shape == (3,) and value.dtype == torch.float64 and (value > 0).all()


# exceptions

def test_different_rows_cannot_be_compared():
    with pytest.raises(RuntimeError):
        squared_gram_distance(torch.randn(2, 9, 3), torch.randn(2, 8, 3))


# shapes and values

@pytest.mark.parametrize('rows, own, other', [(40, 3, 5), (40, 5, 3), (4, 9, 3), (4, 3, 9), (5, 5, 5), (1, 1, 1)])
@pytest.mark.parametrize('batch', [(), (2,), (2, 3)])
def test_is_the_distance_of_the_matrices_of_rows_by_rows(rows, own, other, batch):
    student, teacher = normal(*batch, rows, own), normal(*batch, rows, other, seed=1)
    value, slope = gradient(lambda *pair: squared_gram_distance(*pair).sum(), student, teacher)
    expected, expected_slope = gradient(lambda *pair: naive(*pair).sum(), student, teacher)
    torch.testing.assert_close(squared_gram_distance(student, teacher), naive(student, teacher), rtol=1e-10, atol=0)
    torch.testing.assert_close(value, expected, rtol=1e-10, atol=0)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-10, atol=1e-10)


def test_by_hand():
    student, teacher = torch.tensor([[1.0], [2.0], [0.0]]), torch.tensor([[1.0], [1.0], [1.0]])
    # the matrices differ by 0, 1, -1, 1, 3, -1, -1, -1, -1
    assert squared_gram_distance(student, teacher).item() == 16


def test_equal_rows_have_no_distance_and_rounding_makes_none_negative():
    rows = torch.randn(200, 3)
    turn = torch.linalg.qr(torch.randn(3, 3)).Q
    value = squared_gram_distance(rows, rows @ turn)
    assert 0 <= value < 1e-6 * naive(rows, 0 * rows)


def test_a_small_distance_survives_single_precision():
    student = normal(300, 8)
    teacher = student + 0.01 * normal(300, 8, seed=1)
    value = squared_gram_distance(student.float(), teacher.float())
    torch.testing.assert_close(value, naive(student.float().double(), teacher.float().double()), rtol=1e-3, atol=0)


@pytest.mark.parametrize('rows, own, other, limit', [(512, 8, 6, 512 * 8), (1024, 4, 4, 1024 * 4), (8, 64, 32, 8 * 64)])
def test_no_tensor_is_larger_than_the_rows_themselves(rows, own, other, limit):
    student, teacher = normal(rows, own).requires_grad_(), normal(rows, other, seed=1)
    with Largest() as seen:
        squared_gram_distance(student, teacher).backward()
    assert max(own, other) ** 2 <= limit < rows ** 2 or rows ** 2 <= limit
    assert seen.numel == limit


def test_half_precision_and_autocast_are_computed_in_float32():
    student, teacher = normal(30, 3).half(), normal(30, 4, seed=1).half()
    expected = naive(student.double(), teacher.double())
    torch.testing.assert_close(squared_gram_distance(student, teacher), expected, rtol=1e-5, atol=0)
    with torch.autocast('cpu', torch.bfloat16):
        value = squared_gram_distance(student.float(), teacher.float())
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)


# gradcheck

@pytest.mark.parametrize('rows', [2, 9])
def test_gradcheck(rows):
    teacher = normal(2, rows, 4, seed=1)
    assert gradcheck(lambda x: squared_gram_distance(x, teacher), normal(2, rows, 3).requires_grad_())


# compile

@pytest.mark.parametrize('rows', [2, 9])
def test_compile_in_one_graph(rows):
    check_compile(lambda own, other: squared_gram_distance(own, other).sum(), normal(rows, 3), normal(rows, 4, seed=1))
