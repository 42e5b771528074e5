"""Pair-wise similarity: the positions of an image are as similar to each other as they are for the teacher."""
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .frobenius import squared_gram_distance
from .reduce import check_mask, compute_dtype, connected_zero
from .rows import unit_rows
from .weighted import WeightedLoss


def pairwise_similarity_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None, window: int = 2) -> Tensor:
    r"""Compare the cosines between all pairs of positions of every image.

    .. math::
        \frac{1}{\sum_n P_n^2} \sum_n \sum_{i, j} \big( \cos(f^s_{ni}, f^s_{nj}) - \cos(f^t_{ni}, f^t_{nj}) \big)^2

    over the :math:`P_n` positions of image :math:`n` after a max-pool with a window (and stride) of ``window``; without
    a mask this is a mean squared difference. No matrix is larger than positions by channels or channels by channels,
    see :func:`mmkd.losses.squared_gram_distance`.

    The teacher is detached. Maps where the mask is False may be anything; a window counts if it has any valid position,
    and its maximum is that of those. A position of zeros has the cosine 0. Without a valid position the value is 0,
    connected to the graph.

    Paper: `Structured Knowledge Distillation for Semantic Segmentation <https://arxiv.org/abs/1903.04197>`_

    Args:
        student: Maps (N, Cs, H, W).
        teacher: Maps (N, Ct, H, W).
        mask: Bool (N, H, W), True where a position counts. Defaults to None: all of them.
        window: Side of the pooling windows, 1 for none.

    Returns:
        A scalar in float32, or float64 for float64 maps.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool or the window is below 1.
    """
    check_maps(student, teacher, mask)
    _check_window(window)
    if not student.numel():
        return connected_zero(student)
    own, other = (_nodes(maps, mask, window) for maps in (student, teacher.detach()))
    total = squared_gram_distance(own, other).sum()
    pairs = own.shape[0] * own.shape[1] ** 2
    if mask is not None:
        pairs = _pooled(mask.unsqueeze(1).float(), window).flatten(1).sum(dim=1).square().sum().clamp(min=1)
    return (total / pairs).to(compute_dtype(student))


@MODELS.register_module()
class PairwiseSimilarityLoss(WeightedLoss):
    """Module around :func:`pairwise_similarity_loss`, which tells the formula.

    Args:
        window: Side of the pooling windows, 1 for none.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the window is below 1 or the weight negative.
    """

    def __init__(self, window: int = 2, loss_weight: float = 1.0) -> None:
        _check_window(window)
        super().__init__(loss_weight, window=window)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of maps (N, Cs, H, W) and (N, Ct, H, W) under a bool mask (N, H, W)."""
        return self.loss_weight * pairwise_similarity_loss(student, teacher, mask, self.window)


def check_maps(student: Tensor, teacher: Tensor, mask: Tensor | None) -> None:
    """Raise a ``ValueError`` unless maps (N, C, H, W) differ in C at most, and the mask is bool (N, H, W)."""
    sizes = [maps.shape[:1] + maps.shape[2:] for maps in (student, teacher)]
    if student.dim() != 4 or teacher.dim() != 4 or sizes[0] != sizes[1]:
        raise ValueError(
            f'The student has the shape {tuple(student.shape)} and the teacher {tuple(teacher.shape)}, both must be '
            '(N, C, H, W) with equal N, H and W: resize one of them.')
    check_mask(mask, student)


def _nodes(maps: Tensor, mask: Tensor | None, window: int) -> Tensor:
    lowest = float('-inf')
    pooled = _pooled(maps if mask is None else maps.masked_fill(~mask.unsqueeze(1), lowest), window)
    if mask is not None:
        pooled = pooled.masked_fill(pooled == lowest, 0)
    return unit_rows(pooled.flatten(2).mT)


def _pooled(maps: Tensor, window: int) -> Tensor:
    return maps if window == 1 else F.max_pool2d(maps, window, window, ceil_mode=True)


def _check_window(window: int) -> None:
    if not window >= 1:
        raise ValueError(f'window is {window}, it must be at least 1: pass 1 to compare every position.')
