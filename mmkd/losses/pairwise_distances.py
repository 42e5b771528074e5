"""Distances between all pairs of rows, by matrix products."""
from typing import Any

import torch
from torch import Tensor

PART = 128
"""Rows whose distances are made at a time."""
EQUAL = 1e-14
"""Rows are equal whose squared distance is smaller, relative to the squares of their lengths: that is rounding."""


def pairwise_distances(rows: Tensor) -> Tensor:
    r"""Compute the Euclidean distances between all rows.

    .. math::
        d_{ij} = \sqrt{|a_i|^2 + |a_j|^2 - 2 \langle a_i, a_j \rangle}, \quad a_i = f_i - \bar f

    in float64, a part of the rows at a time, because the sum loses the digits of near neighbours in float32; it is
    several times as fast on a CPU as the differences of all pairs. Equal rows, and a row and itself, have the distance
    0 and no gradient.

    Args:
        rows: Tensor (M, D) in float32 or float64.

    Returns:
        Distances (M, M) in the type of the rows.
    """
    return _Distances.apply(rows)


class _Distances(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        wide = rows.to(torch.float64, copy=True)
        wide.sub_(wide.mean(dim=0))
        squares = torch.linalg.vector_norm(wide, dim=1).square_()
        parts = [_distances(part, wide, squares[start:start + PART], squares).to(rows.dtype)
                 for start, part in zip(range(0, len(rows), PART), wide.split(PART), strict=True)]
        distances = torch.cat(parts)
        ctx.save_for_backward(rows, distances)
        return distances

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        rows, distances = ctx.saved_tensors
        # A pair is met twice, from either side. Dividing by infinity leaves nothing where rows are equal.
        slope = (gradient + gradient.mT).div_(distances.masked_fill(distances == 0, torch.inf))
        centred = rows - rows.mean(dim=0)
        with torch.autocast(rows.device.type, enabled=False):
            pull = slope @ centred
        return centred.mul_(slope.sum(dim=1, keepdim=True)).sub_(pull)


def _distances(part: Tensor, wide: Tensor, own: Tensor, squares: Tensor) -> Tensor:
    lengths = own.unsqueeze(1) + squares
    squared = torch.addmm(lengths, part, wide.mT, alpha=-2)
    return squared.masked_fill_(squared <= EQUAL * lengths, 0).sqrt_()
