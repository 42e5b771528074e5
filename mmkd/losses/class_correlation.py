"""Class correlation: probabilities of the student rise and fall with the teacher's, over classes and over samples."""
import torch
from torch import Tensor

from mmkd.registry import MODELS

from .correlation import correlation
from .reduce import check_mask, check_not_negative, check_positive, compute_dtype, connected_zero
from .weighted import WeightedLoss


def class_correlation_loss(student: Tensor, teacher: Tensor, inter_weight: float = 1.0, intra_weight: float = 1.0,
                           temperature: float = 1.0, mask: Tensor | None = None) -> Tensor:
    r"""Compare class probabilities by their correlation, which is blind to shifts and scales, instead of their values.

    .. math::
        T^2 \Big( \beta \big( 1 - \frac{1}{|P|} \sum_{p \in P} \rho(q^s_{p \cdot}, q^t_{p \cdot}) \big)
        + \gamma \big( 1 - \frac{1}{C} \sum_c \rho(q^s_{\cdot c}, q^t_{\cdot c}) \big) \Big), \quad
        q = \mathrm{softmax}(z / T)

    The first part (inter-class) correlates the classes of a row or position, the second (intra-class) the rows and
    positions of a class, all of the batch. Pearson's :math:`\rho(a, b)` is the cosine of :math:`a - \bar a` and
    :math:`b - \bar b`, with :math:`10^{-8}` added to the product of their norms: without variance it is 0, and has no
    gradient. :math:`P` are all rows and positions, or those where ``mask`` is True.

    The teacher is detached. Logits where the mask is False may be anything. A single position has no intra-class part,
    and without any the value is 0, connected to the graph; a part of the weight 0 is not computed.

    Paper: `Knowledge Distillation from A Stronger Teacher <https://arxiv.org/abs/2205.10536>`_

    Args:
        student: Logits (N, C, *), C at least 2.
        teacher: Logits of the same shape.
        inter_weight: :math:`\beta`.
        intra_weight: :math:`\gamma`.
        temperature: :math:`T`.
        mask: Bool (N, *), True where a position counts. Defaults to None: all of them.

    Returns:
        A scalar in float32, or float64 for float64 logits.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool or an argument is not legal.
    """
    _check_shapes(student, teacher, mask)
    _check_arguments(inter_weight, intra_weight, temperature)
    if not student.numel() or not (inter_weight or intra_weight):
        return connected_zero(student)
    counts = None if mask is None else mask.flatten().unsqueeze(1)
    own, other = (_probabilities(logits, temperature, counts) for logits in (student, teacher.detach()))
    parts = []
    if inter_weight:
        parts.append(inter_weight * _inter_class(own, other, counts))
    if intra_weight:
        parts.append(intra_weight * _intra_class(own, other, counts))
    return sum(parts) * temperature ** 2


@MODELS.register_module()
class ClassCorrelationLoss(WeightedLoss):
    """Module around :func:`class_correlation_loss`, which tells the formula.

    The arguments are plain attributes and may be set anew before every step.

    Args:
        inter_weight: Of the correlation over classes.
        intra_weight: Of the correlation over samples.
        temperature: Divides the logits before the softmax.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or a weight is negative.
    """

    def __init__(self, inter_weight: float = 1.0, intra_weight: float = 1.0, temperature: float = 1.0,
                 loss_weight: float = 1.0) -> None:
        _check_arguments(inter_weight, intra_weight, temperature)
        super().__init__(loss_weight, inter_weight=inter_weight, intra_weight=intra_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of logits (N, C, *) under a bool mask (N, *)."""
        weights = self.inter_weight, self.intra_weight
        return self.loss_weight * class_correlation_loss(student, teacher, *weights, self.temperature, mask)


def _probabilities(logits: Tensor, temperature: float, counts: Tensor | None) -> Tensor:
    rows = logits.movedim(1, -1).flatten(0, -2).to(compute_dtype(logits))
    if counts is not None:
        rows = rows.masked_fill(~counts, 0)
    return (rows / temperature).softmax(dim=1)


def _inter_class(student: Tensor, teacher: Tensor, counts: Tensor | None) -> Tensor:
    correlations = correlation(student, teacher, dim=1)
    if counts is None:
        return 1 - correlations.mean()
    number = counts.sum()
    return (number - (correlations * counts.squeeze(1)).sum()) / number.clamp(min=1)


def _intra_class(student: Tensor, teacher: Tensor, counts: Tensor | None) -> Tensor:
    distance = 1 - correlation(student, teacher, dim=0, counts=counts).mean()
    number = torch.tensor(len(student)) if counts is None else counts.sum()
    # One sample has no variance, which is no reason to call it uncorrelated.
    return torch.where(number.to(student.device) > 1, distance, 0)


def _check_arguments(inter_weight: float, intra_weight: float, temperature: float) -> None:
    check_not_negative('inter_weight', inter_weight)
    check_not_negative('intra_weight', intra_weight)
    check_positive('temperature', temperature)


def _check_shapes(student: Tensor, teacher: Tensor, mask: Tensor | None) -> None:
    if student.dim() < 2 or student.shape != teacher.shape or student.shape[1] < 2:
        raise ValueError(
            f'Student logits have the shape {tuple(student.shape)} and teacher logits {tuple(teacher.shape)}, both '
            'must be the same (N, C, *) with two classes or more: resize one of them, or compare classes that both '
            'know.')
    check_mask(mask, student)
