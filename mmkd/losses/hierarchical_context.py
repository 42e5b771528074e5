"""Hierarchical context: feature maps are alike at every scale."""
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .maps import check_maps, hide_positions
from .reduce import compute_dtype
from .weighted import WeightedLoss

SIZES = (4, 2, 1)


def hierarchical_context_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    r"""Compute the mean squared difference of feature maps and of their averages over ever larger cells.

    .. math::
        \sum_k w_k \, \mathrm{mean}\big( (P_k f^s - P_k f^t)^2 \big) \Big/ \sum_k w_k, \quad w_k = 2^{-k}

    with :math:`P_0` the map itself and :math:`P_1, P_2, P_3` its averages over 4 x 4, 2 x 2 and 1 x 1 cells; of
    these only grids with fewer cells than the map has rows and columns are taken. Under a mask, cells average the
    positions that count, and those without one are left out. The teacher is detached. Without a valid element the value
    is 0, connected to the graph.

    Paper: `Distilling Knowledge via Knowledge Review <https://arxiv.org/abs/2104.09044>`_

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
    dtype = compute_dtype(student)
    difference = hide_positions(student.to(dtype) - teacher.detach().to(dtype), mask)
    counts = None if mask is None else mask.unsqueeze(1).to(dtype)
    terms = [_mean_square(difference, counts)]
    if difference.numel():
        sizes = [size for size in SIZES if size < min(student.shape[2:])]
        terms += [_mean_square(*_averaged(difference, counts, size)) for size in sizes]
    weights = [2.0 ** -scale for scale in range(len(terms))]
    return sum(weight * term for weight, term in zip(weights, terms, strict=True)) / sum(weights)


@MODELS.register_module()
class HierarchicalContextLoss(WeightedLoss):
    """Module around :func:`hierarchical_context_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of maps (N, C, H, W), under a bool mask (N, H, W)."""
        return self.loss_weight * hierarchical_context_loss(student, teacher, mask)


def _averaged(difference: Tensor, counts: Tensor | None, size: int) -> tuple[Tensor, Tensor | None]:
    """Average the difference (averages are linear) over a grid of cells; also tell which cells count, as 0 and 1."""
    average = F.adaptive_avg_pool2d(difference, size)
    if counts is None:
        return average, None
    share = F.adaptive_avg_pool2d(counts, size)
    return average / share.masked_fill(share == 0, 1), (share > 0).to(share.dtype)


def _mean_square(difference: Tensor, counts: Tensor | None) -> Tensor:
    total = difference.square().sum()
    if counts is None:
        return total / max(difference.numel(), 1)
    return total / (difference.shape[1] * counts.sum()).clamp(min=1)
