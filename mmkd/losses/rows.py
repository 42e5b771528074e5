"""What losses on rows of features (M, D) share: directions, products, weights and checks."""
from typing import Any

import torch
from torch import Tensor

from .reduce import compute_dtype


def unit_rows(rows: Tensor) -> Tensor:
    """Divide every row by its L2 norm; a zero row stays zero and gets no gradient, since it has no direction.

    Args:
        rows: Tensor (*, D).

    Returns:
        Tensor (*, D) in float32, or float64 for a float64 tensor.
    """
    return _UnitRows.apply(rows.to(compute_dtype(rows)))


def matmul(left: Tensor, right: Tensor) -> Tensor:
    """Return ``left @ right``, forward and backward in the precision of the operands, which autocast would lower."""
    return _Product.apply(left, right)


def gram(rows: Tensor, scale: float = 1.0) -> Tensor:
    """Return ``scale * rows @ rows.mT``, for which :func:`matmul` would do twice the work in backward."""
    return _Gram.apply(rows, scale)


def inner_products(rows: Tensor, columns: Tensor, scale: float = 1.0) -> Tensor:
    """Return ``scale * rows @ columns.mT``; of rows with themselves, as without other processes, by :func:`gram`."""
    return gram(rows, scale) if rows is columns else matmul(rows * scale, columns.mT)


def hide_rows(rows: Tensor, weight: Tensor | None) -> Tensor:
    """Convert rows (M, D) to the type of computation, with zeros where ``weight`` (M,) is 0.

    What stood in such a row, inf or nan included, reaches neither the value nor the gradient.
    """
    rows = rows.to(compute_dtype(rows))
    return rows if weight is None else rows.masked_fill((weight == 0).unsqueeze(1), 0)


def weighted_mean(values: Tensor, weight: Tensor | None, avg_factor: float | Tensor | None = None) -> Tensor:
    """Return the sum of ``weight * values`` over the sum of the weights, or over ``avg_factor``.

    A divisor of 0 counts as 1: without a valid row the result is 0, connected to the graph.

    Args:
        values: Tensor (M,), finite.
        weight: Tensor (M,) of any type. None stands for ones.
        avg_factor: Number or tensor with one element. None stands for the sum of the weights.

    Returns:
        A scalar.

    Raises:
        ValueError: If ``avg_factor`` is a negative number.
    """
    divisor = values.shape[0] if avg_factor is None else avg_factor
    if weight is not None:
        weight = weight.to(values.dtype)
        values = values * weight
        divisor = weight.sum() if avg_factor is None else avg_factor
    if isinstance(divisor, Tensor):
        divisor = divisor.to(values.dtype).reshape(())
        return values.sum() / torch.where(divisor > 0, divisor, 1)
    if not divisor >= 0:
        raise ValueError(f'avg_factor is {divisor}, it must be at least 0: pass the number of samples to average over.')
    return values.sum() / (divisor or 1)


def check_rows(student: Tensor, teacher: Tensor, same_width: bool = True) -> None:
    """Raise a ``ValueError`` unless both are (M, D) with equal M, and equal D if ``same_width``."""
    sizes = 2 if same_width else 1
    if student.dim() != 2 or teacher.dim() != 2 or student.shape[:sizes] != teacher.shape[:sizes]:
        equal, cure = ('M and D', 'project one of them') if same_width else ('M', 'take the same rows of both')
        raise ValueError(
            f'Student rows have the shape {tuple(student.shape)} and teacher rows {tuple(teacher.shape)}, both must be '
            f'(M, D) with equal {equal}: {cure}.')


def check_weight(weight: Tensor | None, rows: Tensor) -> None:
    """Raise a ``ValueError`` unless ``weight`` is None or has one entry for each of the rows (M, D)."""
    if weight is not None and weight.shape != rows.shape[:1]:
        raise ValueError(
            f'The weight has the shape {tuple(weight.shape)}, it must be {tuple(rows.shape[:1])}: one number per row.')


class _UnitRows(torch.autograd.Function):
    # Written out, because backward needs nothing but the unit rows, and autograd would keep the rows as well.

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        # Squares of large numbers overflow and those of small ones vanish, so the largest entry of a row is made 1
        # before. That leaves norms of at least 1, or 0 for a zero row, whose gradient is divided by infinity instead of
        # by a tiny epsilon, which would blow it up.
        peak = torch.maximum(rows.amax(dim=-1, keepdim=True), -rows.amin(dim=-1, keepdim=True))
        peak = peak.masked_fill_(peak == 0, torch.inf)
        unit = rows / peak
        # Where the entries of a row are not neighbours in memory, the norm of torch takes ten times as long on a CPU.
        norm = (torch.linalg.vector_norm(unit, dim=-1, keepdim=True) if unit.stride(-1) == 1
                else unit.square().sum(dim=-1, keepdim=True).sqrt_()).clamp_(min=0.5)
        unit = unit.div_(norm)
        ctx.save_for_backward(unit, norm.mul_(peak))
        return unit

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        unit, length = ctx.saved_tensors
        along = (gradient * unit).sum(dim=-1, keepdim=True)
        return torch.addcmul(gradient, unit, along, value=-1).div_(length)


class _Gram(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, rows: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.scale = scale
        with torch.autocast(rows.device.type, enabled=False):
            return (rows @ rows.mT).mul_(scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (rows,) = ctx.saved_tensors
        with torch.autocast(gradient.device.type, enabled=False):
            return ((gradient + gradient.mT) @ rows).mul_(ctx.scale), None


class _Product(torch.autograd.Function):
    # Switching autocast off around a plain product is not enough: backward multiplies under the autocast of its own
    # call, and torch.compile traces it under that of the forward pass.

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, left: Tensor, right: Tensor) -> Tensor:
        # Each factor is needed for the gradient of the other alone.
        ctx.save_for_backward(left if ctx.needs_input_grad[1] else None, right if ctx.needs_input_grad[0] else None)
        with torch.autocast(left.device.type, enabled=False):
            return left @ right

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        left, right = ctx.saved_tensors
        with torch.autocast(grad.device.type, enabled=False):
            return (grad @ right.mT if ctx.needs_input_grad[0] else None,
                    left.mT @ grad if ctx.needs_input_grad[1] else None)
