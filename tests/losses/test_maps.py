"""What losses on pairs of maps share."""
import pytest
import torch

from mmkd.losses.maps import check_maps, hide_positions


def test_hidden_positions_are_zero_whatever_stood_there():
    maps = torch.full((1, 2, 1, 2), float('nan'))
    maps[..., 0] = 3
    maps.requires_grad_()
    hidden = hide_positions(maps, torch.tensor([[[True, False]]]))
    assert hidden.tolist() == [[[[3, 0]], [[3, 0]]]]
    hidden.sum().backward()
    assert maps.grad.tolist() == [[[[1, 0]], [[1, 0]]]]


def test_without_a_mask_the_map_is_itself():
    maps = torch.randn(1, 2, 3, 3)
    assert hide_positions(maps, None) is maps


@pytest.mark.parametrize('student, teacher', [
    ((2, 3, 4, 4), (2, 4, 4, 4)), ((2, 3, 4, 4), (2, 3, 4, 5)), ((2, 3, 4), (2, 3, 4))])
def test_shapes_that_differ(student, teacher):
    with pytest.raises(ValueError, match=r'both must be the same \(N, C, H, W\): resize one'):
        check_maps(torch.randn(student), torch.randn(teacher))


@pytest.mark.parametrize('mask, text', [
    (torch.ones(2, 4, 4), r'torch.float32 with the shape \(2, 4, 4\)'),
    (torch.ones(2, 4, 5).bool(), r'shape \(2, 4, 5\), it must be torch.bool with the shape \(2, 4, 4\)')])
def test_masks_that_do_not_fit(mask, text):
    with pytest.raises(ValueError, match=text):
        check_maps(torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), mask)
