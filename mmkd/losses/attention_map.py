"""Attention maps: the student looks where the teacher looks."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .reduce import compute_dtype, connected_zero
from .softmax_distance import squared_softmax_distance
from .sum_of_squares import sum_of_squares
from .unit_distance import EPS, squared_unit_distance
from .weighted import WeightedLoss

Levels = Tensor | Sequence[Tensor]
Masks = Tensor | Sequence[Tensor] | None
NORMALIZATIONS = ('l2', 'zscore', 'softmax')
REDUCTIONS = ('mean', 'sum', 'norm')


def attention_map(feature: Tensor, normalize: str = 'l2', power: float = 2, mask: Tensor | None = None) -> Tensor:
    r"""Compute the normalised spatial attention map of a feature map.

    - ``l2``: :math:`e / \max(\|e\|_2, 10^{-12})` with :math:`e = \frac{1}{C} \sum_c |f_c|^{power}`
    - ``zscore``: :math:`(S - \bar S) / (\sigma + 10^{-6})` with :math:`S = \sum_c f_c` and the unbiased :math:`\sigma`
    - ``softmax``: the softmax of :math:`e` over the positions

    Args:
        feature: Feature map (N, C, H, W).
        normalize: ``'l2'``, ``'zscore'`` or ``'softmax'``.
        power: Exponent of the magnitude, at least 1. Unused by ``zscore``.
        mask: Bool (N, H, W), True where a position counts; the map is 0 elsewhere. Defaults to None: all of them.

    Returns:
        Map (N, H, W) in float32, or float64 for a float64 feature.

    Raises:
        ValueError: If the normalisation is unknown, the power below 1, the feature not 4-dimensional or the mask not
            bool (N, H, W).
    """
    _check_arguments(normalize, 'mean', power)
    if feature.dim() != 4:
        raise ValueError(
            f'The feature has the shape {tuple(feature.shape)}, it must be a map (N, C, H, W): give one at a time.')
    if mask is not None:
        _check_mask(mask, feature)
        return _masked_map(feature, normalize, power, mask)
    if normalize == 'zscore':
        total = feature.sum(dim=1, dtype=compute_dtype(feature)).flatten(1)
        flat = (total - total.mean(dim=1, keepdim=True)) / (total.std(dim=1, keepdim=True) + 1e-6)
    elif normalize == 'l2':
        flat = F.normalize(_energy(feature, power).flatten(1), dim=1, eps=EPS)
    else:
        flat = _energy(feature, power).flatten(1).softmax(dim=1)
    return flat.view(feature.shape[0], *feature.shape[2:])


def attention_map_loss(student: Levels, teacher: Levels, normalize: str = 'l2', reduction: str = 'mean',
                       power: float = 2, mask: Masks = None, detach: bool = True) -> Tensor:
    r"""Compare the attention maps of student and teacher, level by level.

    .. math::
        \sum_l \mathrm{reduce}\big( (a(f^s_l) - a(f^t_l))^2 \big)

    with :math:`a` as in :func:`attention_map` and ``reduce`` one of

    - ``mean``: mean over N and positions, the official form of FRSKD; a level is bounded by 2 / (H W), so that coarse
      levels dominate
    - ``sum``: sum over positions and mean over N, independent of the resolution
    - ``norm``: L2 norm over positions (not squared) and mean over N

    ``zscore`` skips levels with one position. Without a valid element the value is 0,
    connected to the graph.

    Papers: `Paying More Attention to Attention <https://arxiv.org/abs/1612.03928>`_,
    `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        student: Feature map (N, C, H, W), or a sequence of them, one per level.
        teacher: The same. Channel counts may differ from the student's, all other sizes may not.
        normalize: ``'l2'``, ``'zscore'`` or ``'softmax'``.
        reduction: ``'mean'``, ``'sum'`` or ``'norm'``.
        power: Exponent of the magnitude, at least 1. Unused by ``zscore``.
        mask: Bool (N, H, W), True where a position counts (padding does not), or one per level. Defaults to None: all.
        detach: Whether the teacher is detached, so that only the student learns.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If an argument is not legal, or the levels or their shapes do not fit.
    """
    _check_arguments(normalize, reduction, power)
    students, teachers = _levels(student), _levels(teacher)
    _check_levels(students, teachers)
    masks = [None] * len(students) if mask is None else _levels(mask)
    if len(masks) != len(students):
        raise ValueError(f'There are {len(masks)} masks for {len(students)} levels: give one mask per level.')
    values = []
    for own, target, counts in zip(students, teachers, masks, strict=True):
        if normalize == 'zscore' and own.shape[2] * own.shape[3] < 2:
            continue
        target = target.detach() if detach else target
        squares = _squared_distances(own, attention_map(target, normalize, power, counts), normalize, power, counts)
        values.append(_reduce(squares, reduction, own[:, 0].numel() if counts is None else counts.sum()))
    return sum(values[1:], values[0]) if values else connected_zero(students[0])


@MODELS.register_module()
class AttentionMapLoss(WeightedLoss):
    """Module around :func:`attention_map_loss`, which tells the formula.

    Args:
        normalize: ``'l2'``, ``'zscore'`` or ``'softmax'``.
        reduction: ``'mean'`` (official), ``'sum'`` (independent of the resolution) or ``'norm'``.
        power: Exponent of the magnitude, at least 1. Unused by ``zscore``.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(self, normalize: str = 'l2', reduction: str = 'mean', power: float = 2,
                 loss_weight: float = 1.0) -> None:
        _check_arguments(normalize, reduction, power)
        super().__init__(loss_weight, normalize=normalize, reduction=reduction, power=power)

    def forward(self, student: Levels, teacher: Levels, mask: Masks = None) -> Tensor:
        """Return the weighted loss of one map (N, C, H, W) or of a sequence of them, under bool masks (N, H, W)."""
        value = attention_map_loss(student, teacher, self.normalize, self.reduction, self.power, mask)
        return self.loss_weight * value


def _energy(feature: Tensor, power: float, mask: Tensor | None = None) -> Tensor:
    if power == 2:
        return sum_of_squares(feature, mask) / feature.shape[1]
    if mask is not None:
        feature = feature.masked_fill(~mask.unsqueeze(1), 0)
    if power == 1:
        return feature.abs().sum(dim=1, dtype=compute_dtype(feature)) / feature.shape[1]
    # The backward of other orders raises to power - 2 in the type of the input, which overflows in half precision.
    norm = torch.linalg.vector_norm(feature.to(compute_dtype(feature)), ord=power, dim=1)
    return norm.pow(power) / feature.shape[1]


def _masked_map(feature: Tensor, normalize: str, power: float, mask: Tensor) -> Tensor:
    counts = mask.flatten(1)
    if normalize == 'zscore':
        total = feature.masked_fill(~mask.unsqueeze(1), 0).sum(dim=1, dtype=compute_dtype(feature)).flatten(1)
        number = counts.sum(dim=1, keepdim=True)
        centred = (total - total.sum(dim=1, keepdim=True) / number.clamp(min=1)) * counts
        # one position has no spread, and the root of 0 no gradient
        variance = centred.square().sum(dim=1, keepdim=True) / (number - 1).clamp(min=1)
        flat = centred / (variance.clamp(min=torch.finfo(variance.dtype).tiny).sqrt() + 1e-6)
    elif normalize == 'l2':
        flat = F.normalize(_energy(feature, power, mask).flatten(1), dim=1, eps=EPS)
    else:
        hidden = ~counts & counts.any(dim=1, keepdim=True)
        flat = _energy(feature, power, mask).flatten(1).masked_fill(hidden, float('-inf')).softmax(dim=1) * counts
    return flat.view_as(mask)


def _squared_distances(student: Tensor, target: Tensor, normalize: str, power: float, mask: Tensor | None) -> Tensor:
    """Return the squared distances (N,) between the attention maps of a student and given ones (N, H, W)."""
    if not target.requires_grad:
        # The gradient of such a map is rounded to it in the end; float16 would lose small slopes on the way.
        kept = torch.bfloat16 if student.dtype == torch.bfloat16 else None
        if normalize == 'l2':
            return squared_unit_distance(_energy(student, power, mask).flatten(1), target.flatten(1), kept)
        if normalize == 'softmax' and mask is None:
            return squared_softmax_distance(_energy(student, power).flatten(1), target.flatten(1), kept)
    return (attention_map(student, normalize, power, mask) - target).flatten(1).square().sum(dim=1)


def _reduce(squares: Tensor, reduction: str, count: int | Tensor) -> Tensor:
    if reduction == 'mean':
        return squares.sum() / (count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1))
    if reduction == 'norm':
        # The root of 0 has no gradient; nan stays what it is.
        squares = squares.masked_fill(squares == 0, 1).sqrt() * (squares != 0)
    return squares.sum() / max(len(squares), 1)


def _levels(features: Levels) -> Sequence[Tensor]:
    return [features] if isinstance(features, Tensor) else features


def _check_arguments(normalize: str, reduction: str, power: float) -> None:
    if normalize not in NORMALIZATIONS:
        raise ValueError(f'normalize is {normalize!r}, it must be one of {", ".join(NORMALIZATIONS)}: choose one.')
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction is {reduction!r}, it must be one of {", ".join(REDUCTIONS)}: choose one.')
    if not power >= 1:
        raise ValueError(f'power is {power}, it must be at least 1: below, the gradient at 0 is infinite.')


def _check_mask(mask: Tensor, feature: Tensor) -> None:
    expected = feature.shape[:1] + feature.shape[2:]
    if mask.dtype != torch.bool or mask.shape != expected:
        raise ValueError(
            f'The mask is {mask.dtype} with the shape {tuple(mask.shape)}, it must be torch.bool with the shape '
            f'{tuple(expected)}: True where a position counts.')


def _check_levels(students: Sequence[Tensor], teachers: Sequence[Tensor]) -> None:
    if len(students) != len(teachers) or not students:
        raise ValueError(
            f'The student has {len(students)} levels and the teacher {len(teachers)}, both must have the same number, '
            'at least 1: name as many features for one as for the other.')
    for level, (own, target) in enumerate(zip(students, teachers, strict=True)):
        if own.dim() != 4 or target.dim() != 4 or own.shape[:1] + own.shape[2:] != target.shape[:1] + target.shape[2:]:
            raise ValueError(
                f'Level {level} of the student has the shape {tuple(own.shape)} and of the teacher '
                f'{tuple(target.shape)}, both must be (N, C, H, W) with equal N, H and W: resize one of them.')
