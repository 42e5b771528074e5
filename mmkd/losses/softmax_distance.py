"""Distances between the softmaxes of rows, with one tensor of their size kept for backward."""
from typing import Any

import torch
from torch import Tensor


def squared_softmax_distance(rows: Tensor, target: Tensor, kept_dtype: torch.dtype | None = None) -> Tensor:
    r"""Compute the squared distances between the softmaxes of rows and the rows of a target.

    .. math::
        | s_i - t_i |^2, \quad s_i = \mathrm{softmax}(z_i)

    Args:
        rows: Tensor (\*, D) in float32 or float64.
        target: The same shape, without a gradient.
        kept_dtype: The type of the tensor that backward keeps. Defaults to None: that of the rows.

    Returns:
        Tensor (\*) in the type of the rows.
    """
    return _SquaredDistance.apply(rows, target, kept_dtype)


def distance_and_slope(rows: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return that distance (\*), and its slope (\*, D), :math:`2 s_i (d_i - \langle d_i, s_i \rangle)`.

    :math:`d_i = s_i - t_i`.
    """
    own = rows.softmax(dim=-1)
    difference = own - target
    value = torch.linalg.vector_norm(difference, dim=-1).square_()
    product = difference.mul_(own)
    along = product.sum(dim=-1, keepdim=True)
    return value, product.addcmul_(own, along, value=-1).mul_(2)


class _SquaredDistance(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, rows: Tensor, target: Tensor, kept_dtype: torch.dtype | None) -> Tensor:
        value, slope = distance_and_slope(rows, target)
        ctx.save_for_backward(slope.to(kept_dtype or slope.dtype) if ctx.needs_input_grad[0] else None)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradient.unsqueeze(-1), None, None
