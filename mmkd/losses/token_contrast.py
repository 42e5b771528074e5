"""Token contrast: every token of the student finds its own counterpart among the teacher's tokens."""
import torch
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .gather import JointRows, RelationLoss
from .reduce import check_positive, connected_zero
from .rows import check_rows, matmul, unit_rows


def token_contrast_loss(student: Tensor, teacher: Tensor, temperature: float = 0.07, *,
                        gather: bool = False) -> Tensor:
    r"""Compute InfoNCE between the tokens of student and teacher, the global term of TRG.

    .. math::
        -\frac{1}{M} \sum_i \log \frac{\exp(\cos(f^s_i, f^t_i) / T)}{\sum_j \exp(\cos(f^s_i, f^t_j) / T)}

    The student's rows are the anchors, the teacher's the candidates, in this one direction. The teacher is detached. A
    zero row has the cosine 0. With fewer than two tokens the value is 0, connected to the graph. One matrix (M, M) of
    cosines is built, and one of probabilities kept for backward.

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
    logits = matmul(unit_rows(student), candidates.mT / temperature)
    positives = joint.offset + torch.arange(student.shape[0], device=logits.device)
    return F.cross_entropy(logits, positives, reduction='sum') / joint.divisor


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
