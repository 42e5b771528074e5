"""Checks of masks that the tests of losses on maps share."""
import torch

from tests.losses.common import gradient


def left_half(maps):
    """A mask of maps (N, C, H, W), True in the left half."""
    mask = torch.zeros(maps.shape[0], *maps.shape[2:]).bool()
    mask[..., : maps.shape[3] // 2] = True
    return mask


def check_hidden_positions(loss, student, teacher):
    """What stands where the mask is False, inf and nan included, reaches neither the value nor the gradient."""
    mask = left_half(student)
    hidden = ~mask.unsqueeze(1)
    value, slope = gradient(loss, student, teacher, mask)
    assert slope.masked_select(hidden).eq(0).all() and slope.abs().sum() > 0
    for other, another in ((7.0, -3.0), (float('inf'), float('inf')), (float('nan'), float('-inf'))):
        changed = gradient(loss, student.masked_fill(hidden, other), teacher.masked_fill(hidden, another), mask)
        torch.testing.assert_close(changed, (value, slope))
