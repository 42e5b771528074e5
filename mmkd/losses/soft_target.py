"""Soft targets: the student's class probabilities follow the teacher's."""
import torch
from torch import Tensor

from mmkd.registry import MODELS

from .divergence import joint_divergence, softmax_divergence
from .reduce import check_positive
from .rows import weighted_mean
from .weighted import WeightedLoss


def soft_target_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None,
                     temperature: float = 4.0, weight: Tensor | None = None, detach: bool = True) -> Tensor:
    r"""Compute the divergence between the softened class probabilities of a teacher and a student.

    .. math::
        \frac{T^2}{|P|} \sum_{p \in P} \sum_c t_{pc} \log \frac{t_{pc}}{s_{pc}}, \quad
        t_p = \mathrm{softmax}(z^t_p / T), \; s_p = \mathrm{softmax}(z^s_p / T)

    where :math:`P` are all rows and positions, or those where ``mask`` is True. With ``weight`` the mean is a weighted
    one. Logits where the mask is False or the weight 0 may be anything, inf and nan included.
    Without a valid position the value is 0, connected to the graph.

    Paper: `Distilling the Knowledge in a Neural Network <https://arxiv.org/abs/1503.02531>`_

    Args:
        student: Logits (N, C, *), for example (N, C) or (N, C, H, W).
        teacher: Logits of the same shape.
        mask: Bool (N, *), True where a position counts. Defaults to None: all of them.
        temperature: Divides the logits before the softmax.
        weight: Weights (N, *), at least 0, instead of a mask. Their sum is the divisor.
        detach: Whether the teacher is detached, so that only the student learns.

    Returns:
        A scalar in float32, or float64 for float64 logits.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool, mask and weight are both given, or the temperature
            is not positive.
    """
    if weight is not None:
        mask = _counting(mask, weight)
    _check(student, teacher, mask)
    check_positive('temperature', temperature)
    hidden = None if mask is None else ~mask.unsqueeze(1)
    divergence = (softmax_divergence if detach else joint_divergence)(student, teacher, 1, temperature, hidden)
    if weight is not None:
        return temperature ** 2 * weighted_mean(divergence.flatten(), weight.flatten())
    if mask is None:
        return divergence.sum() * (temperature ** 2 / max(student[:, :1].numel(), 1))
    return divergence.sum() * temperature ** 2 / mask.sum().clamp(min=1)


@MODELS.register_module()
class SoftTargetLoss(WeightedLoss):
    """Module around :func:`soft_target_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the logits before the softmax.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 4.0, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(loss_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None,
                weight: Tensor | None = None) -> Tensor:
        """Return the weighted loss of logits (N, C, *) under a bool mask or weights (N, *)."""
        return self.loss_weight * soft_target_loss(student, teacher, mask, self.temperature, weight)


def _counting(mask: Tensor | None, weight: Tensor) -> Tensor:
    if mask is not None:
        raise ValueError('mask and weight were both given, but one of them says which positions count: multiply them.')
    return weight > 0


def _check(student: Tensor, teacher: Tensor, mask: Tensor | None) -> None:
    if student.dim() < 2 or student.shape != teacher.shape:
        raise ValueError(
            f'Student logits have the shape {tuple(student.shape)} and teacher logits {tuple(teacher.shape)}, both '
            'must be the same (N, C, *): resize one of them, or compare classes that both know.')
    if mask is None:
        return
    expected = student.shape[:1] + student.shape[2:]
    if mask.dtype != torch.bool or mask.shape != expected:
        raise ValueError(
            f'The mask is {mask.dtype} with the shape {tuple(mask.shape)}, it must be torch.bool with the shape '
            f'{tuple(expected)}: True where a position counts.')
