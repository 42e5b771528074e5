"""RelativeDistanceLoss and RelativeAngleLoss against numbers computed by hand and a plain computation."""
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses import RelativeAngleLoss, RelativeDistanceLoss, relative_angle_loss, relative_distance_loss
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

FUNCTIONS = [relative_distance_loss, relative_angle_loss]


def rows(count=6):
    return normal(count, 5), normal(count, 3, seed=1)


def huber(difference):
    size = difference.abs()
    return torch.where(size < 1, size.square() / 2, size - 0.5)


def plain_distance(student, teacher):
    relative = []
    for side in (student, teacher):
        distances = torch.stack([(a - b).square().sum() for a in side for b in side])
        distances = torch.where(distances > 0, distances, 1).sqrt() * (distances > 0)
        relative.append(distances / distances[distances > 0].mean())
    return huber(relative[0] - relative[1]).mean()


def plain_angle(student, teacher):
    count, total = len(student), 0.0
    for i in range(count):
        for j in range(count):
            for k in range(count):
                cosines = [torch.zeros((), dtype=torch.float64)] * 2
                if j not in (i, k):
                    legs = [(side[i] - side[j], side[k] - side[j]) for side in (student, teacher)]
                    cosines = [(a @ b) / (a @ a).sqrt() / (b @ b).sqrt() for a, b in legs]
                total = total + huber(cosines[0] - cosines[1])
    return total / count ** 3


# smoke

@pytest.mark.parametrize('name', ['RelativeDistanceLoss', 'RelativeAngleLoss'])
def test_is_registered_and_returns_a_scalar(name):
    loss = MODELS.build(dict(type=name, loss_weight=0.5))
    value = loss(torch.randn(4, 3), torch.randn(4, 5))
    assert value.shape == () and value.dtype == torch.float32
    assert 'loss_weight=0.5' in repr(loss)


# exceptions

@pytest.mark.parametrize('module', [RelativeDistanceLoss, RelativeAngleLoss])
def test_bad_arguments(module):
    with pytest.raises(ValueError, match='loss_weight is -1'):
        module(loss_weight=-1)


@pytest.mark.parametrize('function', FUNCTIONS)
def test_different_rows(function):
    with pytest.raises(ValueError, match='with equal M: take the same rows of both'):
        function(torch.randn(3, 2), torch.randn(4, 2))


# shapes

@pytest.mark.parametrize('function, plain', zip(FUNCTIONS, [plain_distance, plain_angle], strict=True))
@pytest.mark.parametrize('count', [2, 3, 6])
def test_is_the_formula_of_the_paper(function, plain, count):
    value, slope = gradient(function, *rows(count))
    expected, expected_slope = gradient(plain, *rows(count))
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(slope, expected_slope, rtol=1e-6, atol=1e-9)


# values

def test_distance_by_hand():
    # distances 1, 2, 3 have the mean 2; distances 2, 2, 4 the mean 8/3
    student, teacher = torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([[0.0], [2.0], [4.0]])
    differences = [1 / 2 - 3 / 4, 1 - 3 / 4, 3 / 2 - 3 / 2]
    expected = 2 * sum(value ** 2 / 2 for value in differences) / 9
    assert relative_distance_loss(student, teacher).item() == pytest.approx(expected)


def test_angle_by_hand():
    # a right angle at the first row and half ones elsewhere, against three rows in a line: first, second, third
    student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    teacher = torch.tensor([[0.0], [1.0], [2.0]])
    half = 0.5 ** 0.5
    expected = 2 * ((0 - 1) ** 2 / 2 * 1 + 0) / 27  # at the first row: |0 - 1| = 1, where both forms of h are 1/2
    expected += 2 * (half + 1 - 0.5) / 27  # at the second: cos 45 against cos 180
    expected += 2 * (half - 1) ** 2 / 2 / 27  # at the third: cos 45 against cos 0
    assert relative_angle_loss(student, teacher).item() == pytest.approx(expected)


@pytest.mark.parametrize('function', FUNCTIONS)
def test_motions_scale_order_duplicated_batch_and_loss_weight(function):
    student, teacher = rows()
    value = function(student, teacher)
    turn = torch.linalg.qr(normal(5, 5, seed=2)).Q
    torch.testing.assert_close(function(3 * student @ turn + 7, 0.1 * teacher - 2), value)
    torch.testing.assert_close(function(student.flip(0), teacher.flip(0)), value)
    torch.testing.assert_close(function(student.repeat(2, 1), teacher.repeat(2, 1)), value)
    torch.testing.assert_close(function(student, 3 * student @ turn + 7), torch.zeros(()).double())
    module = RelativeDistanceLoss if function is relative_distance_loss else RelativeAngleLoss
    torch.testing.assert_close(module(loss_weight=0.5)(student, teacher), 0.5 * value)


@pytest.mark.parametrize('function', FUNCTIONS)
def test_equal_rows_leave_value_and_gradient_finite(function):
    student, teacher = rows()
    equal = student[:1].repeat(6, 1)
    for own, other in ((equal, teacher), (student, teacher[:1].repeat(6, 1)), (0 * student, teacher)):
        value, slope = gradient(function, own, other)
        assert value.isfinite() and value > 0 and slope.isfinite().all()
    student[1], teacher[2] = student[0], teacher[3]
    value, slope = gradient(function, student, teacher)
    assert value.isfinite() and slope.isfinite().all() and slope[2:].ne(0).all()


@pytest.mark.parametrize('function', FUNCTIONS)
def test_near_rows_keep_their_digits_in_single_precision(function):
    student, teacher = rows()
    near = 100 + 1e-3 * student.float()
    expected = function(near.double(), teacher.float().double())
    torch.testing.assert_close(function(near, teacher.float()).double(), expected)


@pytest.mark.parametrize('function', FUNCTIONS)
@pytest.mark.parametrize('count', [0, 1])
def test_nothing_to_relate_is_a_connected_zero(function, count):
    check_connected_zero(function, torch.full((count, 3), 6e4).half(), torch.randn(count, 5))


@pytest.mark.parametrize('function', FUNCTIONS)
def test_precision(function):
    check_precision(function, *rows())
    check_large(function, *rows())


@pytest.mark.parametrize('function', FUNCTIONS)
def test_teacher_is_detached(function):
    check_teacher_detached(function, *rows())


# gradcheck

@pytest.mark.parametrize('function', FUNCTIONS)
def test_gradcheck(function):
    student, teacher = rows(4)
    assert gradcheck(lambda x: function(x, teacher), student.requires_grad_())


# compile

@pytest.mark.parametrize('module', [RelativeDistanceLoss, RelativeAngleLoss])
def test_compile_in_one_graph(module):
    check_compile(module(loss_weight=0.5), *rows())
