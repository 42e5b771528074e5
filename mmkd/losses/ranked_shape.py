"""Ranked shape: the sorted class probabilities keep one profile over the data."""
from typing import Any

import torch
from torch import Tensor

from mmkd.registry import MODELS

from .reduce import check_positive, compute_dtype
from .weighted import WeightedLoss


def ranked_shape_loss(student: Tensor, reference: Tensor, temperature: float = 4.0) -> Tensor:
    r"""Compute the divergence of the student's ranked probabilities from a reference profile.

    .. math::
        \frac{T^2}{N} \sum_i \sum_r q_{ir} \log \frac{q_{ir}}{p_{ir}}, \quad
        p_i = \mathrm{sort}(\mathrm{softmax}(z_i / T))

    with the rank :math:`r` ascending and :math:`q` the reference, whose zeros add nothing. Which class has which rank
    does not matter. The reference is detached. Without a row the value is 0, connected to the graph.

    Paper: `Lightweight Self-Knowledge Distillation with Multi-source Information Fusion
    <https://arxiv.org/abs/2305.09183>`_, there DSR

    Args:
        student: Logits (N, C).
        reference: Probabilities at the same temperature in ascending order: (N, C), one profile per row, such as those
            of the previous batch, or (C,), one for all rows, such as their mean.
        temperature: Divides the logits before the softmax.

    Returns:
        A scalar in float32, or float64 for float64 logits.

    Raises:
        ValueError: If the shapes do not fit or the temperature is not positive.
    """
    if student.dim() != 2 or reference.shape not in (student.shape, student.shape[1:]):
        raise ValueError(
            f'The student has the shape {tuple(student.shape)} and the reference {tuple(reference.shape)}, they must '
            'be (N, C) and either (N, C) or (C,): take the mean of the reference if its rows are of another number.')
    check_positive('temperature', temperature)
    target = reference.detach().to(compute_dtype(student)).expand_as(student)
    return _Divergence.apply(student, target, temperature) * (temperature ** 2 / max(student.shape[0], 1))


@MODELS.register_module()
class RankedShapeLoss(WeightedLoss):
    """Module around :func:`ranked_shape_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step; the reference must follow it.

    Args:
        temperature: Divides the logits before the softmax.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 4.0, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(loss_weight, temperature=temperature)

    def forward(self, student: Tensor, reference: Tensor) -> Tensor:
        """Return the weighted loss of logits (N, C) against ranked probabilities (N, C) or (C,)."""
        return self.loss_weight * ranked_shape_loss(student, reference, self.temperature)


class _Divergence(torch.autograd.Function):
    # Written out, because autograd would keep the ranks and both profiles. The slope, brought back from the order of
    # the ranks to that of the classes, is all that backward needs.

    @staticmethod
    def forward(ctx: Any, student: Tensor, target: Tensor, temperature: float) -> Tensor:
        log_ranked, classes = student.to(target.dtype).sort(dim=1)
        log_ranked = log_ranked.div_(temperature).log_softmax(dim=1)
        value = torch.xlogy(target, target).addcmul_(target, log_ranked, value=-1).sum()
        if ctx.needs_input_grad[0]:
            slope = log_ranked.exp_().mul_(target.sum(dim=1, keepdim=True)).sub_(target).div_(temperature)
            ctx.save_for_backward(torch.empty_like(slope).scatter_(1, classes, slope))
            ctx.dtype = student.dtype
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return (slope * gradient).to(ctx.dtype), None, None
