"""Squared difference of feature maps."""
from torch import Tensor

from mmkd.registry import MODELS

from .maps import check_maps, hide_positions
from .reduce import compute_dtype
from .weighted import WeightedLoss

REDUCTIONS = ('mean', 'sum')


def feature_mse_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None, reduction: str = 'mean') -> Tensor:
    r"""Compute the squared difference of feature maps of a student and a teacher.

    - ``mean``: :math:`\frac{1}{N C H W} \sum_{n, c, p} (f^s_{ncp} - f^t_{ncp})^2`, under a mask the mean over the
      channels of all positions that count
    - ``sum``: :math:`\frac{1}{N} \sum_{n, c, p} (f^s_{ncp} - f^t_{ncp})^2`, the sum over channels and positions

    The teacher is detached. Without a valid element the value is 0, connected to the graph.

    Papers: `FitNets: Hints for Thin Deep Nets <https://arxiv.org/abs/1412.6550>`_ (``mean``),
    `Masked Generative Distillation <https://arxiv.org/abs/2205.01529>`_ (``sum``)

    Args:
        student: Feature map (N, C, H, W).
        teacher: The same shape.
        mask: Bool (N, H, W), True where a position counts (padding does not). Defaults to None: all of them.
        reduction: ``'mean'`` or ``'sum'``.

    Returns:
        A scalar in float32, or float64 for float64 maps.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool, or the reduction is unknown.
    """
    _check_reduction(reduction)
    check_maps(student, teacher, mask)
    dtype = compute_dtype(student)
    difference = hide_positions(student.to(dtype) - teacher.detach().to(dtype), mask)
    total = difference.square().sum()
    if reduction == 'sum':
        return total / max(len(student), 1)
    if mask is None:
        return total / max(difference.numel(), 1)
    return total / (difference.shape[1] * mask.sum()).clamp(min=1)


@MODELS.register_module()
class FeatureMSELoss(WeightedLoss):
    """Module around :func:`feature_mse_loss`, which tells the formula.

    Args:
        reduction: ``'mean'``, or ``'sum'`` over channels and positions.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the reduction is unknown or the weight is negative.
    """

    def __init__(self, reduction: str = 'mean', loss_weight: float = 1.0) -> None:
        _check_reduction(reduction)
        super().__init__(loss_weight, reduction=reduction)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of maps (N, C, H, W), under a bool mask (N, H, W)."""
        return self.loss_weight * feature_mse_loss(student, teacher, mask, self.reduction)


def _check_reduction(reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction is {reduction!r}, it must be one of {", ".join(REDUCTIONS)}: choose one.')
