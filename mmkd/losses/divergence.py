"""The divergence between the softmaxes of two networks, with one tensor of their size kept for backward."""
from typing import Any

import torch
from torch import Tensor

from .reduce import compute_dtype


def softmax_divergence(student: Tensor, teacher: Tensor, dim: int, temperature: float = 1.0,
                       hidden: Tensor | None = None) -> Tensor:
    r"""Compute the divergence of the student's softmax from the teacher's along one dimension.

    .. math::
        \sum_k t_k \log \frac{t_k}{s_k}, \quad t = \mathrm{softmax}(z^t / T), \; s = \mathrm{softmax}(z^s / T)

    without a factor :math:`T^2`. The teacher is detached. What is hidden may be anything, is in no softmax and gets no
    gradient; where all is hidden the divergence is 0.

    The gradient is :math:`(s - t) / T`, the one tensor of this size that backward keeps.

    Args:
        student: Logits.
        teacher: Logits of the same shape.
        dim: The dimension of the softmax.
        temperature: Divides the logits.
        hidden: Bool, of the shape of the logits or one that expands to it, True where an entry does not count.

    Returns:
        The shape of the logits without ``dim``, in float32, or float64 for float64 logits.
    """
    return _Divergence.apply(student, teacher.detach(), dim, temperature, hidden)


def joint_divergence(student: Tensor, teacher: Tensor, dim: int, temperature: float = 1.0,
                     hidden: Tensor | None = None) -> Tensor:
    """Compute the same divergence, from which the teacher learns too."""
    own, target = (logits.to(compute_dtype(logits)) / temperature for logits in (student, teacher))
    if hidden is not None:
        # equal numbers in both networks add exactly 0
        own, target = own.masked_fill(hidden, 0), target.masked_fill(hidden, 0)
    own, target = own.log_softmax(dim=dim), target.log_softmax(dim=dim)
    return (target.exp() * (target - own)).sum(dim=dim)


class _Divergence(torch.autograd.Function):
    # Written out, because autograd would keep the logarithms of both networks, and make three further tensors of their
    # size on the way.

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, dim: int, temperature: float,
                hidden: Tensor | None) -> Tensor:
        log_student = _log_softmax(student, dim, temperature, hidden)
        target = _log_softmax(teacher, dim, temperature, hidden)
        terms = target - log_student
        target = target.exp_()
        divergence = terms.mul_(target).sum(dim=dim)
        del terms
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(log_student.exp_().sub_(target))
            ctx.dim, ctx.temperature, ctx.dtype = dim, temperature, student.dtype
        return divergence

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (difference,) = ctx.saved_tensors
        slope = difference * (gradient / ctx.temperature).unsqueeze(ctx.dim)
        return slope.to(ctx.dtype), None, None, None, None


def _log_softmax(logits: Tensor, dim: int, temperature: float, hidden: Tensor | None) -> Tensor:
    scaled = logits.to(compute_dtype(logits))
    if temperature != 1:
        scaled = scaled / temperature
    if hidden is None:
        return scaled.log_softmax(dim=dim)
    # A tensor made above is filled in place, the caller's own is not touched.
    out = scaled.masked_fill(hidden, -torch.inf) if scaled is logits else scaled.masked_fill_(hidden, -torch.inf)
    # Equal numbers in both networks add exactly 0. They also replace the nan of a softmax over nothing.
    return out.log_softmax(dim=dim).masked_fill_(hidden, 0)
