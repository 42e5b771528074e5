"""Pearson's correlation along one dimension, of which backward keeps its inputs alone."""
from typing import Any

import torch
from torch import Tensor

EPS = 1e-8
"""Added to the product of the norms."""


def correlation(student: Tensor, teacher: Tensor, dim: int, counts: Tensor | None = None) -> Tensor:
    r"""Correlate the vectors along one dimension of two matrices.

    .. math::
        \rho(a, b) = \frac{\langle \tilde a, \tilde b \rangle}{|\tilde a| |\tilde b| + 10^{-8}}, \quad
        \tilde a = a - \bar a

    A vector without variance has the correlation 0 with any other, and no gradient. The teacher is detached.

    Args:
        student: Matrix (R, C).
        teacher: The same shape and type.
        dim: 0 correlates corresponding columns, 1 corresponding rows.
        counts: Bool (R, 1), True for the rows that are seen, for ``dim`` 0. Defaults to None: all of them.

    Returns:
        The correlations (C,) or (R,).
    """
    return _Correlation.apply(student, teacher.detach(), dim, counts)


class _Correlation(torch.autograd.Function):
    # Written out, because autograd would keep the centred matrices of both networks beside them. The slope needs no
    # centring: it is made of vectors that are centred.

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, dim: int, counts: Tensor | None) -> Tensor:
        own, own_mean, own_norm = _centre(student, dim, counts)
        other, other_mean, other_norm = _centre(teacher, dim, counts)
        product = own.mul_(other).sum(dim=dim, keepdim=True)
        scale = own_norm * other_norm + EPS
        varies = (own_norm > 0) & (other_norm > 0)
        if ctx.needs_input_grad[0]:
            pull = torch.where(varies, 1 / scale, 0)
            shrink = torch.where(varies, product / own_norm * other_norm / scale ** 2, 0)
            offset = shrink * own_mean - pull * other_mean
            ctx.save_for_backward(student, teacher, pull, shrink, offset, counts)
            ctx.dim = dim
        return torch.where(varies, product / scale, 0).squeeze(dim)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        student, teacher, pull, shrink, offset, counts = ctx.saved_tensors
        gradient = gradient.unsqueeze(ctx.dim)
        slope = (teacher * (gradient * pull)).addcmul_(student, gradient * shrink, value=-1).add_(gradient * offset)
        return slope if counts is None else slope.mul_(counts), None, None, None


def _centre(matrix: Tensor, dim: int, counts: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return the centred matrix, its means, and its norms, which are 0 where only rounding errors are left."""
    if counts is None:
        number, mean = matrix.shape[dim], matrix.mean(dim=dim, keepdim=True)
        centred = matrix - mean
    else:
        number = counts.sum().clamp(min=1)
        mean = (matrix * counts).sum(dim=dim, keepdim=True) / number
        centred = (matrix - mean).mul_(counts)
    norm = torch.linalg.vector_norm(centred, dim=dim, keepdim=True)
    # A cosine with what equal numbers leave behind would have a gradient of up to 1 / EPS.
    noise = 16 * torch.finfo(matrix.dtype).eps * number ** 0.5 * mean.abs()
    return centred, mean, torch.where(norm > noise, norm, 0)
