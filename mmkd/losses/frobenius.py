"""The distance between the relations of rows in two networks, without a matrix of rows by rows."""
from typing import Any

import torch
from torch import Tensor

from .reduce import compute_dtype
from .rows import gram


def squared_gram_distance(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compute the squared Frobenius distance between the matrices of inner products of rows.

    .. math::
        \| S S^T - T T^T \|_F^2 = \| S^T S \|_F^2 + \| T^T T \|_F^2 - 2 \, \| S^T T \|_F^2

    The left side has matrices of rows by rows (P x P), the right side of columns by columns. That with the smaller
    matrices is computed. The three terms on the right are nearly equal for similar networks, therefore they are summed
    in float64; the products themselves are made in the type of the rows (float32 at least), so that a distance below
    :math:`10^{-7}` of the first term is noise there.

    The teacher is detached.

    Args:
        student: Rows (\*, P, Ds).
        teacher: The same rows (\*, P, Dt); widths may differ.

    Returns:
        Distances (\*) in float64.
    """
    student, teacher = (rows.to(compute_dtype(rows)) for rows in (student, teacher.detach()))
    if student.shape[-2] <= max(student.shape[-1], teacher.shape[-1]):
        return _squared_norm(gram(student) - gram(teacher))
    own, other = (rows.flatten(0, -3) if rows.dim() > 2 else rows.unsqueeze(0) for rows in (student, teacher))
    # Rounding must not make a distance negative.
    return _Distance.apply(own, other).clamp(min=0).view(student.shape[:-2])


class _Distance(torch.autograd.Function):
    # Written out, because autograd would make a gradient of the size of the rows for each product.

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:
        with torch.autocast(student.device.type, enabled=False):
            own, both, other = student.mT @ student, student.mT @ teacher, teacher.mT @ teacher
        ctx.save_for_backward(student, teacher, own, both)
        return _squared_norm(own) + _squared_norm(other) - 2 * _squared_norm(both)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        student, teacher, own, both = ctx.saved_tensors
        scale = (4 * gradient).to(student.dtype)[:, None, None]
        with torch.autocast(student.device.type, enabled=False):
            slope = (own * scale) @ student.mT
            slope.baddbmm_(both * scale, teacher.mT, alpha=-1)
        return slope.mT, None


def _squared_norm(matrices: Tensor) -> Tensor:
    return matrices.to(torch.float64).square().sum(dim=(-2, -1))
