"""Boxes of a batch, pooled from the levels of a feature pyramid."""

from collections.abc import Sequence

import torch
from mmcv.ops import roi_align
from torch import Tensor

from mmkd.losses.reduce import compute_dtype
from mmkd.tasks.padding import cell_size

SIZE = 7
"""Rows and columns of what is pooled from a box before their mean is taken."""
POSITIONS = 14
"""A box is pooled from the coarsest level where its geometric mean side spans at least so many positions."""


def box_features(levels: Sequence[Tensor], boxes: Tensor, images: Tensor, batch_size: tuple[int, int]) -> Tensor:
    """Mean feature of every box, by RoIAlign of the level that suits its size.

    Which level that is follows `Feature Pyramid Networks <https://arxiv.org/abs/1612.03144>`_: boxes of 112 to 224
    pixels are pooled at stride 8, those of twice the size at twice the stride. Where the pyramid ends, its last level
    serves.

    Args:
        levels: Maps (N, D, H_l, W_l), finest first.
        boxes: Corners (M, 4) in pixels of the batch: left, top, right, bottom.
        images: Index (M,) of the image of each box.
        batch_size: Height and width of the batch.

    Returns:
        Features (M, D) in float32 or better.
    """
    # RoIAlign knows neither bfloat16 nor the precision that the sums of half-precision maps need, and on a CPU it takes
    # any memory for the usual layout, channels-last maps too.
    levels = [level.to(compute_dtype(level)).contiguous() for level in levels]
    strides = [min(cell_size(level.shape[-2:], batch_size)) for level in levels]
    choice = choose_levels(boxes, strides)
    regions = torch.cat([images.unsqueeze(1), boxes], dim=1).to(levels[0])
    pairs = zip(levels, strides, strict=True)
    parts = [_pooled(level, regions[choice == i], stride) for i, (level, stride) in enumerate(pairs)]
    order = torch.cat([(choice == i).nonzero().squeeze(1) for i in range(len(levels))])
    return torch.cat(parts)[order.argsort()]


def choose_levels(boxes: Tensor, strides: Sequence[float]) -> Tensor:
    """Index (M,) of the level from which each box (M, 4) is pooled."""
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0)
    size = sides.prod(dim=1).sqrt()
    fits = torch.stack([size >= POSITIONS * stride for stride in strides], dim=1)
    return (fits.sum(dim=1) - 1).clamp(min=0)


def _pooled(level: Tensor, regions: Tensor, stride: float) -> Tensor:
    with torch.autocast(level.device.type, enabled=False):
        pooled = roi_align(level, regions, (SIZE, SIZE), 1 / stride, 0, 'avg', True)
    return pooled.mean(dim=(2, 3))
