"""What losses on pairs of feature maps (N, C, H, W) share: checks, and the positions that do not count."""
import torch
from torch import Tensor


def hide_positions(maps: Tensor, mask: Tensor | None) -> Tensor:
    """Return maps (N, C, H, W) with zeros where ``mask`` (N, H, W) is False.

    What stood there, inf or nan included, reaches neither the value nor the gradient.
    """
    return maps if mask is None else maps.masked_fill(~mask.unsqueeze(1), 0)


def check_maps(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> None:
    """Raise a ``ValueError`` unless both are (N, C, H, W) of one shape and the mask is None or bool (N, H, W)."""
    if student.dim() != 4 or student.shape != teacher.shape:
        raise ValueError(
            f'The student has the shape {tuple(student.shape)} and the teacher {tuple(teacher.shape)}, both must be '
            'the same (N, C, H, W): resize one of them, or project its channels.')
    expected = student.shape[:1] + student.shape[2:]
    if mask is not None and (mask.dtype != torch.bool or mask.shape != expected):
        raise ValueError(
            f'The mask is {mask.dtype} with the shape {tuple(mask.shape)}, it must be torch.bool with the shape '
            f'{tuple(expected)}: True where a position counts.')
