"""The zero, the precision and the checks that all losses share."""
import pytest
import torch

from mmkd.losses.reduce import (
    check_loss_weight,
    check_mask,
    check_not_negative,
    check_positive,
    compute_dtype,
    connected_zero,
)


@pytest.mark.parametrize('value', [0.0, 65504.0, float('inf'), float('nan')])
def test_connected_zero_of_anything(value):
    tensor = torch.full((3, 4), value, dtype=torch.float16, requires_grad=True)
    zero = connected_zero(tensor)
    zero.backward()
    assert zero.item() == 0 and zero.dtype == torch.float32 and tensor.grad.eq(0).all()


@pytest.mark.parametrize('given, expected', [
    (torch.float16, torch.float32), (torch.bfloat16, torch.float32), (torch.float32, torch.float32),
    (torch.float64, torch.float64)])
def test_compute_dtype(given, expected):
    assert compute_dtype(torch.zeros(1, dtype=given)) == expected


@pytest.mark.parametrize('value', [0, -1.0, float('nan')])
def test_not_positive(value):
    with pytest.raises(ValueError, match=r'sigma is .*, it must be greater than 0'):
        check_positive('sigma', value)


def test_loss_weight_may_be_zero_but_not_nan():
    check_loss_weight(0)
    with pytest.raises(ValueError, match='loss_weight is nan'):
        check_loss_weight(float('nan'))


@pytest.mark.parametrize('value', [-1.0, float('nan')])
def test_negative(value):
    check_not_negative('beta', 0)
    with pytest.raises(ValueError, match=r'beta is .*, it must be at least 0: pass 0 to switch it off'):
        check_not_negative('beta', value)


@pytest.mark.parametrize('shape, expected', [((2, 3), (2,)), ((2, 3, 4, 5), (2, 4, 5))])
def test_masks_have_a_flag_per_position(shape, expected):
    values = torch.zeros(shape)
    check_mask(None, values)
    check_mask(torch.ones(expected, dtype=torch.bool), values)
    for wrong in (torch.ones(expected), torch.ones(*expected, 1, dtype=torch.bool)):
        with pytest.raises(ValueError, match=r'it must be torch.bool with the shape \(2'):
            check_mask(wrong, values)
