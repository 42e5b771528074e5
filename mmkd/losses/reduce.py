"""What every loss shares: the precision of its sums, its zero without a valid element, its checks of numbers."""
import torch
from torch import Tensor

PART = 2 ** 18
"""Numbers that are worked on at a time where a tensor is not needed as a whole: 1 MB in float32."""


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """Return the type in which a loss of ``tensor`` is computed: float32, or float64 for a float64 input."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def connected_zero(tensor: Tensor) -> Tensor:
    """Return a scalar that is exactly 0 and part of the graph of ``tensor``, with a gradient of zeros.

    It is the sum of no element: unlike ``0 * tensor.sum()`` it stays 0 when the tensor holds inf or nan, or when a
    half-precision sum overflows.

    Args:
        tensor: Any tensor with at least one dimension.

    Returns:
        A scalar in float32, or float64 for a float64 tensor.
    """
    return tensor[:0].sum(dtype=compute_dtype(tensor))


def check_positive(name: str, value: float) -> None:
    """Raise a ``ValueError`` unless ``value`` is a number greater than 0 (nan is not)."""
    if not value > 0:
        raise ValueError(f'{name} is {value}, it must be greater than 0: pass a positive number.')


def check_not_negative(name: str, value: float) -> None:
    """Raise a ``ValueError`` unless ``value`` is a number of at least 0 (nan is not)."""
    if not value >= 0:
        raise ValueError(f'{name} is {value}, it must be at least 0: pass 0 to switch it off.')


def check_mask(mask: Tensor | None, values: Tensor) -> None:
    """Raise a ``ValueError`` unless ``mask`` is None, or bool (N, *) for values (N, C, *)."""
    expected = values.shape[:1] + values.shape[2:]
    if mask is not None and (mask.dtype != torch.bool or mask.shape != expected):
        raise ValueError(
            f'The mask is {mask.dtype} with the shape {tuple(mask.shape)}, it must be torch.bool with the shape '
            f'{tuple(expected)}: True where a position counts.')


def check_loss_weight(value: float) -> None:
    """Raise a ``ValueError`` unless ``value`` is a number of at least 0 (nan is not)."""
    if not value >= 0:
        raise ValueError(f'loss_weight is {value}, it must be at least 0: pass 0 to switch the loss off.')
