"""Pearson correlation: channels of student and teacher rise and fall together, whatever their magnitude."""
import torch
from torch import Tensor

from mmkd.registry import MODELS

from .maps import check_maps
from .reduce import compute_dtype, connected_zero
from .rows import unit_rows
from .weighted import WeightedLoss


def pearson_correlation_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Compute half the mean squared difference of feature maps that are normalised per channel.

    .. math::
        \frac{1}{2 C M} \sum_{c, m} (\hat s_{cm} - \hat t_{cm})^2 = \frac{1}{C} \sum_c (1 - r_c), \quad
        \hat f_{cm} = (f_{cm} - \mu_c) / \sigma_c

    over the :math:`M = N H W` positions of the whole batch, with mean :math:`\mu_c` and standard deviation
    :math:`\sigma_c` of the channel over them, and Pearson's correlation :math:`r_c`. A channel that is constant has no
    direction: it counts as 0, so that the other side adds 1/2, and gets no gradient. The teacher is detached.

    Paper: `PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient
    <https://arxiv.org/abs/2207.02039>`_. Its code divides by the unbiased standard deviation plus 1e-6, which makes
    the value smaller by the factor 1 - 1 / M.

    Args:
        student: Feature map (N, C, H, W).
        teacher: The same shape.
        mask: Bool (N, H, W), True where a position counts (padding does not). Defaults to None: all of them.

    Returns:
        A scalar in float32, or float64 for float64 maps.

    Raises:
        ValueError: If the shapes do not fit or the mask is not bool.
    """
    check_maps(student, teacher, mask)
    if student.numel() == 0:
        return connected_zero(student)
    difference = _directions(student, mask) - _directions(teacher.detach(), mask)
    return difference.square().sum() / (2 * len(difference))


@MODELS.register_module()
class PearsonCorrelationLoss(WeightedLoss):
    """Module around :func:`pearson_correlation_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of maps (N, C, H, W), under a bool mask (N, H, W)."""
        return self.loss_weight * pearson_correlation_loss(student, teacher, mask)


def _directions(maps: Tensor, mask: Tensor | None) -> Tensor:
    """Return the centred channels (C, N H W) of maps, divided by their norms."""
    rows = maps.to(compute_dtype(maps)).transpose(0, 1).flatten(1)
    number, hidden = rows.shape[1], None
    if mask is not None:
        number, hidden = mask.sum().clamp(min=1), ~mask.flatten()
        rows = rows.masked_fill(hidden, 0)
    centred = rows - rows.sum(dim=1, keepdim=True) / number
    if hidden is not None:
        centred = centred.masked_fill(hidden, 0)
    # What a constant leaves behind is rounding error, which must not be blown up to a direction.
    noise = 16 * torch.finfo(rows.dtype).eps * _peak(rows)
    return unit_rows(centred.masked_fill(_peak(centred) <= noise, 0))


def _peak(rows: Tensor) -> Tensor:
    return rows.detach().abs().amax(dim=1, keepdim=True)
