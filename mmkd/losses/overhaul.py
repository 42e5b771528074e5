"""Overhaul: regressed maps of the student follow the teacher's before its activation, where that says anything."""
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mmkd.registry import MODELS

from .attention_map import Levels, Masks
from .regressors import build_regressors, regressed
from .weighted import WeightedLoss

MARGIN = -math.sqrt(2 / math.pi)
"""The mean of a standard normal variable where it is negative, about -0.79788."""


@MODELS.register_module()
class OverhaulLoss(WeightedLoss):
    r"""Partial squared distance of regressed student maps and teacher maps, both from before the activation.

    .. math::
        \sum_{l=1}^n \frac{2^{l - n}}{N} \sum_{c, p} [\, t > 0 \,\vee\, r > t \,] \, (r - t)^2, \quad
        r = r_l(f^s_l), \; t = \max(f^t_l, m)

    with a regressor :math:`r_l` per level, 1x1 convolution and batch norm, summed over channels and positions. What the
    teacher's ReLU cuts off anyway only has to stay below the margin :math:`m`. The deepest level has the full weight,
    each shallower one half of the next. The teacher is detached; the regressors are trained by this loss alone. It is a
    sum over all elements of a map, so that its weight has to be some orders of magnitude below that of a mean.

    The paper takes the margin of a channel from the batch norm of a trained teacher, the mean of its negative values.
    FRSKD computes it once from an untrained self-teacher, whose batch norms are all standard: a constant,
    :math:`-\sqrt{2 / \pi}`.

    Papers: `A Comprehensive Overhaul of Feature Distillation <https://arxiv.org/abs/1904.01866>`_,
    `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        in_channels: Channels of the student's maps, one per level, shallow first.
        out_channels: Channels of the teacher's maps.
        margin: Lower bound of the target, at most 0.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the channels do not pair up, the margin is positive or the weight negative.
    """

    before_activation: ClassVar[bool] = True
    """Whether the maps that are compared have not passed their activation."""

    def __init__(self, in_channels: Sequence[int], out_channels: Sequence[int], margin: float = MARGIN,
                 loss_weight: float = 1.0) -> None:
        if not margin <= 0:
            raise ValueError(f'margin is {margin}, it must be at most 0: targets below it are raised to it.')
        super().__init__(loss_weight, margin=margin)
        self.regressors = build_regressors(in_channels, out_channels, rectify=False)

    def forward(self, student: Levels, teacher: Levels, mask: Masks = None) -> Tensor:
        """Return the weighted loss.

        Args:
            student: Map (N, in_channels[l], H, W) before its activation, or a sequence of them, one per level.
            teacher: Map (N, out_channels[l], H, W) before its activation, or a sequence of them.
            mask: Bool (N, H, W), True where a position counts (padding does not), or one per level. Defaults to None:
                all of them.

        Returns:
            A scalar in float32, or float64 for float64 maps.

        Raises:
            ValueError: If the shapes do not fit.
        """
        levels = regressed(self.regressors, student, teacher, mask)
        weights = [2.0 ** (level + 1 - len(levels)) for level in range(len(levels))]
        return self.loss_weight * sum(
            weight * self._partial_distance(*level) for weight, level in zip(weights, levels, strict=True))

    def _partial_distance(self, own: Tensor, target: Tensor, mask: Tensor | None) -> Tensor:
        target = target.clamp(min=self.margin)
        counts = (target > 0) | (own > target)
        if mask is not None:
            counts = counts & mask
        return torch.where(counts, own - target, 0).square().sum() / max(len(own), 1)
