"""The distance between the relations of rows in two networks, without a matrix of rows by rows."""
import torch
from torch import Tensor

from .reduce import compute_dtype
from .rows import gram, matmul


def squared_gram_distance(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compute the squared Frobenius distance between the matrices of inner products of rows.

    .. math::
        \| S S^T - T T^T \|_F^2 = \| S^T S \|_F^2 + \| T^T T \|_F^2 - 2 \, \| S^T T \|_F^2

    The left side has matrices of rows by rows (P x P), the right side of columns by columns. That with the smaller
    matrices is computed. The three terms on the right are nearly equal for similar networks, therefore they are summed
    in float64; the products themselves are made in the type of the rows (float32 at least), so that a distance below
    :math:`10^{-7}` of the first term is noise there.

    Args:
        student: Rows (\*, P, Ds).
        teacher: The same rows (\*, P, Dt); widths may differ.

    Returns:
        Distances (\*) in float64.
    """
    student, teacher = (rows.to(compute_dtype(rows)) for rows in (student, teacher))
    if student.shape[-2] <= max(student.shape[-1], teacher.shape[-1]):
        return _squared_norm(gram(student) - gram(teacher))
    own, other = (_squared_norm(gram(rows.mT)) for rows in (student, teacher))
    # Rounding must not make a distance negative.
    return (own + other - 2 * _squared_norm(matmul(student.mT, teacher))).clamp(min=0)


def _squared_norm(matrices: Tensor) -> Tensor:
    return matrices.to(torch.float64).square().sum(dim=(-2, -1))
