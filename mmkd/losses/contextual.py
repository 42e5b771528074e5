"""Contextual similarity: the tokens of one image relate to each other as in the teacher."""
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .reduce import compute_dtype, connected_zero
from .rows import gram
from .weighted import WeightedLoss


def contextual_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compare the self-attention of the tokens of every image, the inner term of TRG.

    .. math::
        \frac{1}{B N^2} \sum_b \| S(F^s_b) - S(F^t_b) \|^2, \quad S(F) = \mathrm{softmax}_{row}(F F^T / \sqrt D)

    where every network divides by the root of its own width. The teacher is detached. Without an image or a token the
    value is 0, connected to the graph. One tensor (B, N, N) of products is built per network, and one of probabilities
    kept for backward.

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
    return F.mse_loss(_attention(student), _attention(teacher.detach()))


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


def _attention(tokens: Tensor) -> Tensor:
    return gram(tokens.to(compute_dtype(tokens)), tokens.shape[2] ** -0.5).softmax(dim=2)
