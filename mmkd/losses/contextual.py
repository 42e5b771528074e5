"""Contextual similarity: the tokens of one image relate to each other as in the teacher."""
from typing import Any

import torch
from torch import Tensor

from mmkd.registry import MODELS

from .reduce import PART, compute_dtype, connected_zero
from .softmax_distance import distance_and_slope
from .weighted import WeightedLoss


def contextual_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compare the self-attention of the tokens of every image, the inner term of TRG.

    .. math::
        \frac{1}{B N^2} \sum_b \| S(F^s_b) - S(F^t_b) \|^2, \quad S(F) = \mathrm{softmax}_{row}(F F^T / \sqrt D)

    where every network divides by the root of its own width. The teacher is detached. Without an image or a token the
    value is 0, connected to the graph. The images are gone through in parts, so that tensors (B, N, N) are never
    whole, and a gradient (B, N, Ds) is all that backward keeps.

    Paper: `Knowledge Distillation via Token-level Relationship Graph <https://arxiv.org/abs/2306.12442>`_

    Args:
        student: Tokens (B, N, Ds).
        teacher: Tokens (B, N, Dt) at the same positions.

    Returns:
        A scalar in float32, or float64 for float64 tokens.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if student.dim() != 3 or teacher.dim() != 3 or student.shape[:2] != teacher.shape[:2]:
        raise ValueError(
            f'Student tokens have the shape {tuple(student.shape)} and teacher tokens {tuple(teacher.shape)}, both '
            'must be (B, N, D) with equal B and N: take the same positions of both.')
    if not student.numel():
        return connected_zero(student)
    dtype = compute_dtype(student)
    distance = _Distance.apply(student.to(dtype), teacher.detach().to(dtype))
    return distance / (student.shape[0] * student.shape[1] ** 2)


@MODELS.register_module()
class ContextualLoss(WeightedLoss):
    """Module around :func:`contextual_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss of tokens (B, N, Ds) and (B, N, Dt) at the same positions."""
        return self.loss_weight * contextual_loss(student, teacher)


class _Distance(torch.autograd.Function):
    # Written out, because the gradient is known in the forward pass but for a factor, and smaller than what it comes
    # from wherever an image has more tokens than a token has numbers.

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:
        total = student.new_zeros(())
        parts = max(student.shape[0] * student.shape[1] ** 2 // PART, 1)
        slopes = []
        with torch.autocast(student.device.type, enabled=False):
            for own, other in zip(student.chunk(parts), teacher.chunk(parts), strict=True):
                distance, slope = distance_and_slope(_products(own), _products(other).softmax(dim=2))
                total += distance.sum()
                if ctx.needs_input_grad[0]:
                    slopes.append((slope + slope.mT) @ own)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(torch.cat(slopes).mul_(student.shape[2] ** -0.5))
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradient, None


def _products(tokens: Tensor) -> Tensor:
    return (tokens @ tokens.mT).mul_(tokens.shape[2] ** -0.5)
