"""Binary soft targets: the student's sigmoid probabilities follow the teacher's."""
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .reduce import check_positive
from .rows import check_rows, check_weight, hide_rows, weighted_mean
from .weighted import WeightedLoss


def binary_soft_target_loss(student: Tensor, teacher: Tensor, weight: Tensor | None = None,
                            avg_factor: float | Tensor | None = None, temperature: float = 1.0,
                            detach: bool = True) -> Tensor:
    r"""Compute the divergence between the softened probabilities of classes that do not exclude each other.

    .. math::
        \frac{T^2}{\sum_i w_i} \sum_i w_i \sum_c \Big( t_{ic} \log \frac{t_{ic}}{s_{ic}} +
        (1 - t_{ic}) \log \frac{1 - t_{ic}}{1 - s_{ic}} \Big), \quad t = \sigma(z^t / T), \; s = \sigma(z^s / T)

    the Kullback-Leibler divergence of one Bernoulli distribution per class, as sigmoid heads of detectors need it. Rows
    of weight 0 may hold anything, inf and nan included. Without a valid row the value is 0, connected to the graph.

    Paper: `Distilling the Knowledge in a Neural Network <https://arxiv.org/abs/1503.02531>`_, there for a softmax

    Args:
        student: Sigmoid logits (M, C).
        teacher: Logits of the same shape.
        weight: Weights (M,), at least 0. Defaults to None: 1 for every row.
        avg_factor: Divides the weighted sum, a number or a tensor with one element; 0 counts as 1. Defaults to None:
            the sum of the weights.
        temperature: Divides the logits before the sigmoid.
        detach: Whether the teacher is detached, so that only the student learns.

    Returns:
        A scalar in float32, or float64 for float64 logits.

    Raises:
        ValueError: If the shapes do not fit, the temperature is not positive or ``avg_factor`` is negative.
    """
    check_rows(student, teacher)
    check_weight(weight, student)
    check_positive('temperature', temperature)
    own = hide_rows(student, weight) / temperature
    target = hide_rows(teacher.detach() if detach else teacher, weight) / temperature
    # Both logarithms of a probability come from the logit itself: log(1 - p) loses all digits when p is close to 1.
    active = target.sigmoid() * (F.logsigmoid(target) - F.logsigmoid(own))
    inactive = (-target).sigmoid() * (F.logsigmoid(-target) - F.logsigmoid(-own))
    return temperature ** 2 * weighted_mean((active + inactive).sum(dim=1), weight, avg_factor)


@MODELS.register_module()
class BinarySoftTargetLoss(WeightedLoss):
    """Module around :func:`binary_soft_target_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the logits before the sigmoid.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 1.0, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(loss_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, weight: Tensor | None = None,
                avg_factor: float | Tensor | None = None) -> Tensor:
        """Return the weighted loss of logits (M, C) under weights (M,)."""
        return self.loss_weight * binary_soft_target_loss(student, teacher, weight, avg_factor, self.temperature)
