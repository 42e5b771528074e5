"""The energy of a feature map at its positions."""
from typing import Any

import torch
from torch import Tensor

from .reduce import PART, compute_dtype


def sum_of_squares(feature: Tensor, mask: Tensor | None = None) -> Tensor:
    """Sum the squares of a map (N, C, H, W) over its channels; backward keeps nothing but the map.

    Args:
        feature: Feature map (N, C, H, W).
        mask: Bool (N, H, W), True where a position counts. The sum is 0 elsewhere and there is no gradient, whatever
            the map holds there. Defaults to None: all of them.

    Returns:
        Map (N, H, W) in float32, or float64 for a float64 feature.
    """
    return _SumOfSquares.apply(feature, mask)


class _SumOfSquares(torch.autograd.Function):
    # Written out, because autograd would keep a float32 copy of a half-precision map, and one without what is masked.

    @staticmethod
    def forward(ctx: Any, feature: Tensor, mask: Tensor | None) -> Tensor:
        ctx.save_for_backward(feature, mask)
        total = _sum(feature, compute_dtype(feature))
        return total if mask is None else total.masked_fill_(~mask, 0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        feature, mask = ctx.saved_tensors
        slope = (2 * gradient).unsqueeze(1)
        if slope.dtype == feature.dtype:
            result = feature * slope
        else:
            result = torch.empty_like(feature)
            for out, part, factor in zip(*_parts(result, feature, slope.expand_as(feature)), strict=True):
                out.copy_(part.to(slope.dtype).mul_(factor))
        return result if mask is None else result.masked_fill_(~mask.unsqueeze(1), 0), None


def _sum(feature: Tensor, dtype: torch.dtype) -> Tensor:
    (parts,) = _parts(feature)
    if feature.stride(1) == 1:
        return torch.cat([torch.linalg.vector_norm(part, dim=1, dtype=dtype) for part in parts], dim=1).square_()
    # Where channels are not neighbours in memory, that norm takes ten times as long on a CPU as squares and a sum.
    total = feature.new_zeros(feature[:, 0].shape, dtype=dtype)
    for part in parts:
        squares = part.square() if part.dtype == dtype else part.to(dtype).square_()
        total.add_(squares.sum(dim=1))
    return total


def _parts(*maps: Tensor) -> list[tuple[Tensor, ...]]:
    """Split maps (N, C, H, W) of one shape alike, into parts that lie together in the memory of the first."""
    number, dim = max(maps[0].numel() // PART, 1), 2 if maps[0].stride(1) == 1 else 1
    return [each.chunk(number, dim) for each in maps]
