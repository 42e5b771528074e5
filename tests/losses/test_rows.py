"""Directions, weights and checks that losses on rows share."""
import pytest
import torch
from torch.autograd import gradcheck

from mmkd.losses.rows import check_rows, check_weight, hide_rows, matmul, unit_rows, weighted_mean
from tests.losses.common import gradient, normal


def test_unit_rows_are_the_rows_over_their_norm():
    rows = normal(4, 3)
    torch.testing.assert_close(unit_rows(rows), rows / rows.norm(dim=1, keepdim=True))
    torch.testing.assert_close(unit_rows(torch.tensor([[3.0, 4.0], [0, 0]])), torch.tensor([[0.6, 0.8], [0, 0]]))
    assert gradcheck(unit_rows, rows.requires_grad_())
    assert gradcheck(unit_rows, torch.tensor([[0.0, 2.0]], dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize('scale, dtype', [
    (1e-30, torch.float32), (1e30, torch.float32), (1e38, torch.bfloat16), (6e4, torch.float16), (6e-8, torch.float16)])
def test_unit_rows_of_any_magnitude(scale, dtype):
    unit = unit_rows(torch.tensor([[1.0, -1.0]]).mul(scale).to(dtype))
    torch.testing.assert_close(unit, torch.tensor([[0.5 ** 0.5, -0.5 ** 0.5]]))


@pytest.mark.parametrize('dtype', [torch.float16, torch.float32])
def test_a_zero_row_gets_no_gradient(dtype):
    _, slope = gradient(lambda rows: unit_rows(rows).sum(), torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=dtype))
    assert slope[0].eq(0).all() and slope[1].ne(0).any()


@pytest.mark.parametrize('compiled', [False, True])
def test_matmul_ignores_autocast_forward_and_backward(compiled):
    left, right = normal(3, 4).float(), normal(4, 2).float()
    product, slope = gradient(lambda left: (left @ right).square().sum(), left)
    function = torch.compile(matmul, fullgraph=True, backend='aot_eager') if compiled else matmul
    with torch.autocast('cpu', torch.bfloat16):
        value, cast_slope = gradient(lambda left: function(left, right).square().sum(), left)
    torch.testing.assert_close(value, product)
    torch.testing.assert_close(cast_slope, slope)


def test_matmul_of_batches():
    left, right = normal(2, 3, 4).requires_grad_(), normal(2, 4, 2, seed=1).requires_grad_()
    torch.testing.assert_close(matmul(left, right), left @ right)
    assert gradcheck(matmul, (left, right))


def test_hidden_rows_are_zero_and_get_no_gradient():
    rows = torch.tensor([[1.0, 2.0], [float('nan'), float('inf')]], dtype=torch.float16)
    value, slope = gradient(lambda rows: hide_rows(rows, torch.tensor([0.5, 0])).sum(), rows)
    assert value.item() == 3 and value.dtype == torch.float32
    assert slope.tolist() == [[1, 1], [0, 0]]


@pytest.mark.parametrize('weight', [
    torch.tensor([1.0, 0.0, 3.0]), torch.tensor([1, 0, 3]), torch.tensor([1, 0, 3], dtype=torch.float16)])
def test_weighted_mean(weight):
    values = torch.tensor([1.0, 5.0, 2.0])
    assert weighted_mean(values, weight).item() == pytest.approx(7 / 4)
    assert weighted_mean(values, weight, 2).item() == pytest.approx(7 / 2)
    assert weighted_mean(values, weight > 0).item() == pytest.approx(3 / 2)
    assert weighted_mean(values, None).item() == pytest.approx(8 / 3)
    assert weighted_mean(values, None, 4.0).item() == pytest.approx(2)


@pytest.mark.parametrize('factor', [torch.tensor(2.0), torch.tensor(2), torch.tensor([2.0])])
def test_avg_factor_may_be_a_tensor(factor):
    value = weighted_mean(torch.tensor([1.0, 2.0]), None, factor)
    assert value.shape == () and value.item() == 1.5


@pytest.mark.parametrize('factor', [None, 0, 0.0, torch.tensor(0.0)])
def test_a_divisor_of_zero_gives_zero(factor):
    assert weighted_mean(torch.tensor([1.0, 2.0]), torch.zeros(2), factor).item() == 0
    assert weighted_mean(torch.zeros(0), None, factor).item() == 0


def test_the_sum_of_half_precision_weights_does_not_overflow():
    weight = torch.full((4,), 6e4, dtype=torch.float16)
    assert weighted_mean(torch.ones(4), weight).item() == pytest.approx(1)


@pytest.mark.parametrize('factor', [-1, float('nan')])
def test_bad_avg_factor(factor):
    with pytest.raises(ValueError, match=r'avg_factor is .*, it must be at least 0'):
        weighted_mean(torch.ones(2), None, factor)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r'\(2, 3\) and teacher rows \(2, 4\), both must be \(M, D\)'):
        check_rows(torch.zeros(2, 3), torch.zeros(2, 4))
    check_rows(torch.zeros(2, 3), torch.zeros(2, 4), same_width=False)
    for teacher in (torch.zeros(3, 3), torch.zeros(2), torch.zeros(2, 3, 1)):
        with pytest.raises(ValueError, match='with equal M: take the same rows'):
            check_rows(torch.zeros(2, 3), teacher, same_width=False)
    with pytest.raises(ValueError, match=r'weight has the shape \(2, 1\), it must be \(2,\)'):
        check_weight(torch.zeros(2, 1), torch.zeros(2, 3))
