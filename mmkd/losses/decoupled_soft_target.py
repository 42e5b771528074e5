"""Decoupled soft targets: the target class and the other classes follow the teacher with weights of their own."""
import torch
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .divergence import softmax_divergence
from .reduce import check_mask, check_not_negative, check_positive, compute_dtype, connected_zero
from .weighted import WeightedLoss


def decoupled_soft_target_loss(student: Tensor, teacher: Tensor, labels: Tensor, target_weight: float = 1.0,
                               nontarget_weight: float = 8.0, temperature: float = 4.0,
                               mask: Tensor | None = None) -> Tensor:
    r"""Split the divergence of soft targets into that of the target class and that among the other classes.

    .. math::
        \frac{T^2}{|P|} \sum_{p \in P} \big( \alpha \, KL(b^t_p \,\|\, b^s_p) + \beta \, KL(r^t_p \,\|\, r^s_p) \big),
        \quad b_p = (q_{p y_p}, 1 - q_{p y_p}), \; q_p = \mathrm{softmax}(z_p / T)

    where :math:`y_p` is the label of a row or position, and :math:`r_p` the softmax of :math:`z_p / T` over all classes
    but :math:`y_p`. :math:`P` are all rows and positions, or those where ``mask`` is True.

    The teacher is detached. Where the mask is False, logits and labels may be anything. Without a valid position the
    value is 0, connected to the graph; a part of the weight 0 is not computed.

    Paper: `Decoupled Knowledge Distillation <https://arxiv.org/abs/2203.08679>`_

    Args:
        student: Logits (N, C, *), C at least 2.
        teacher: Logits of the same shape.
        labels: Integers (N, *) below C.
        target_weight: :math:`\alpha`.
        nontarget_weight: :math:`\beta`.
        temperature: :math:`T`.
        mask: Bool (N, *), True where a position counts. Defaults to None: all of them.

    Returns:
        A scalar in float32, or float64 for float64 logits.

    Raises:
        ValueError: If the shapes do not fit, labels or mask have another type, or an argument is not legal.
    """
    _check_shapes(student, teacher, labels, mask)
    _check_arguments(target_weight, nontarget_weight, temperature)
    if not student.numel() or not (target_weight or nontarget_weight):
        return connected_zero(student)
    hidden = None if mask is None else ~mask.unsqueeze(1)
    target = labels.unsqueeze(1) if hidden is None else labels.unsqueeze(1).masked_fill(hidden, 0)
    teacher = teacher.detach().to(compute_dtype(student))
    scaled = [_scaled(logits, temperature, hidden) for logits in (student, teacher)]
    others = [_without_target(logits, target) for logits in scaled]
    parts = []
    if target_weight:
        own, other = (_target_or_not(*network, target) for network in zip(scaled, others, strict=True))
        parts.append(target_weight * F.kl_div(own, other, reduction='sum', log_target=True))
    if nontarget_weight:
        parts.append(nontarget_weight * softmax_divergence(*others, 1).sum())
    count = labels.numel() if mask is None else mask.sum().clamp(min=1)
    return sum(parts) * temperature ** 2 / count


@MODELS.register_module()
class DecoupledSoftTargetLoss(WeightedLoss):
    """Module around :func:`decoupled_soft_target_loss`, which tells the formula.

    The arguments are plain attributes and may be set anew before every step.

    Args:
        target_weight: Of the target class against all others.
        nontarget_weight: Of the classes other than the target.
        temperature: Divides the logits before the softmax.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or a weight is negative.
    """

    def __init__(self, target_weight: float = 1.0, nontarget_weight: float = 8.0, temperature: float = 4.0,
                 loss_weight: float = 1.0) -> None:
        _check_arguments(target_weight, nontarget_weight, temperature)
        super().__init__(
            loss_weight, target_weight=target_weight, nontarget_weight=nontarget_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of logits (N, C, *) with labels (N, *) under a bool mask (N, *)."""
        weights = self.target_weight, self.nontarget_weight
        return self.loss_weight * decoupled_soft_target_loss(
            student, teacher, labels, *weights, self.temperature, mask)


def _scaled(logits: Tensor, temperature: float, hidden: Tensor | None) -> Tensor:
    scaled = logits.to(compute_dtype(logits)) / temperature
    # Hidden positions become equal in both networks, so that they add exactly 0 to every divergence.
    return scaled if hidden is None else scaled.masked_fill(hidden, 0)


def _target_or_not(scaled: Tensor, others: Tensor, target: Tensor) -> Tensor:
    # Of the odds, both log q and log(1 - q) have all digits, also where q is nearly 0 or 1.
    odds = scaled.gather(1, target) - others.logsumexp(dim=1, keepdim=True)
    return F.logsigmoid(torch.cat([odds, -odds], dim=1))


def _without_target(scaled: Tensor, target: Tensor) -> Tensor:
    # -inf would make 0 * (-inf + inf) = nan of the target; the lowest number has the probability 0 as well.
    return scaled.scatter(1, target, torch.finfo(scaled.dtype).min)


def _check_arguments(target_weight: float, nontarget_weight: float, temperature: float) -> None:
    check_not_negative('target_weight', target_weight)
    check_not_negative('nontarget_weight', nontarget_weight)
    check_positive('temperature', temperature)


def _check_shapes(student: Tensor, teacher: Tensor, labels: Tensor, mask: Tensor | None) -> None:
    if student.dim() < 2 or student.shape != teacher.shape or student.shape[1] < 2:
        raise ValueError(
            f'Student logits have the shape {tuple(student.shape)} and teacher logits {tuple(teacher.shape)}, both '
            'must be the same (N, C, *) with two classes or more: resize one of them, or compare classes that both '
            'know.')
    expected = student.shape[:1] + student.shape[2:]
    if labels.dtype != torch.long or labels.shape != expected:
        raise ValueError(
            f'The labels are {labels.dtype} with the shape {tuple(labels.shape)}, they must be torch.int64 with the '
            f'shape {tuple(expected)}: one class per position.')
    check_mask(mask, student)
