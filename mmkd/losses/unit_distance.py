"""Distances between the directions of rows, with one tensor of their size kept for backward."""
from typing import Any

import torch
from torch import Tensor

EPS = 1e-12
"""Rows are divided by at least this."""


def squared_unit_distance(rows: Tensor, target: Tensor, kept_dtype: torch.dtype | None = None) -> Tensor:
    r"""Compute the squared distances between rows, divided by their L2 norms, and the rows of a target.

    .. math::
        | u_i - t_i |^2, \quad u_i = \frac{f_i}{\max(|f_i|, 10^{-12})}

    The gradient is :math:`2 (d_i - \langle d_i, u_i \rangle u_i) / |f_i|` with :math:`d_i = u_i - t_i`, the one tensor
    of this size that backward keeps.

    Args:
        rows: Tensor (M, D) in float32 or float64.
        target: The same shape, without a gradient.
        kept_dtype: The type of the tensor that backward keeps. Defaults to None: that of the rows.

    Returns:
        Tensor (M,) in the type of the rows.
    """
    return _SquaredDistance.apply(rows, target, kept_dtype)


class _SquaredDistance(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, rows: Tensor, target: Tensor, kept_dtype: torch.dtype | None) -> Tensor:
        length = torch.linalg.vector_norm(rows, dim=1, keepdim=True).clamp_(min=EPS)
        unit = rows / length
        difference = unit - target
        value = torch.linalg.vector_norm(difference, dim=1).square_()
        if ctx.needs_input_grad[0]:
            along = (difference * unit).sum(dim=1, keepdim=True)
            slope = difference.addcmul_(unit, along, value=-1).mul_(2 / length)
            ctx.save_for_backward(slope.to(kept_dtype or slope.dtype))
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradient.unsqueeze(1), None, None
