"""Token contrast: every token of the student finds its own counterpart among the teacher's tokens."""
from typing import Any

import torch
from torch import Tensor

from mmkd.registry import MODELS

from .gather import JointRows, RelationLoss
from .reduce import PART, check_positive, connected_zero
from .rows import check_rows, unit_rows


def token_contrast_loss(student: Tensor, teacher: Tensor, temperature: float = 0.07, *,
                        gather: bool = False) -> Tensor:
    r"""Compute InfoNCE between the tokens of student and teacher, the global term of TRG.

    .. math::
        -\frac{1}{M} \sum_i \log \frac{\exp(\cos(f^s_i, f^t_i) / T)}{\sum_j \exp(\cos(f^s_i, f^t_j) / T)}

    The student's rows are the anchors, the teacher's the candidates, in this one direction. The teacher is detached. A
    zero row has the cosine 0. With fewer than two tokens the value is 0, connected to the graph. The anchors are
    gone through in parts, so that the matrix (M, M) of cosines is never whole, and all that backward keeps is (M, D).

    With ``gather`` the candidates are the teacher's tokens of all processes, as in one process with the joint batch:
    the mean over the processes is the loss of that batch, and so is its gradient, see
    :class:`mmkd.losses.gather.JointRows`.

    Paper: `Knowledge Distillation via Token-level Relationship Graph <https://arxiv.org/abs/2306.12442>`_

    Args:
        student: Tokens (M, D), already projected to the width of the teacher.
        teacher: Tokens (M, D) at the same positions.
        temperature: Divides the cosines.
        gather: Whether the candidates are the tokens of all processes, not of this one alone.

    Returns:
        A scalar in float32, or float64 for float64 tokens.

    Raises:
        ValueError: If the shapes do not fit or the temperature is not positive.
    """
    check_rows(student, teacher)
    check_positive('temperature', temperature)
    joint = JointRows(student, gather)
    if joint.total < 2:
        return connected_zero(student)
    candidates = joint.gather_constant(unit_rows(teacher.detach()))
    return _Contrast.apply(unit_rows(student), candidates / temperature, joint.offset) / joint.divisor


@MODELS.register_module()
class TokenContrastLoss(RelationLoss):
    """Module around :func:`token_contrast_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the cosines.
        gather: Whether the candidates are the tokens of all processes, not of this one alone.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 0.07, *, gather: bool = False, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(gather, loss_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss of tokens (M, D) at the same positions."""
        return self.loss_weight * token_contrast_loss(student, teacher, self.temperature, gather=self.gather)


class _Contrast(torch.autograd.Function):
    # Written out, because the gradient is known in the forward pass but for a factor, so that no probability is kept.

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor, offset: int) -> Tensor:
        """Return the summed cross entropy of anchors (M, D), whose own candidates begin at an offset."""
        total = anchors.new_zeros(())
        slopes = []
        with torch.autocast(anchors.device.type, enabled=False):
            for part in anchors.chunk(max(len(anchors) * len(candidates) // PART, 1)):
                log_probability = (part @ candidates.mT).log_softmax(dim=1)
                total -= log_probability.diagonal(offset).sum()
                offset += len(part)
                if ctx.needs_input_grad[0]:
                    slope = log_probability.exp_()
                    slope.diagonal(offset - len(part)).sub_(1)
                    slopes.append(slope @ candidates)
        ctx.save_for_backward(torch.cat(slopes) if slopes else None)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return slope * gradient, None, None
