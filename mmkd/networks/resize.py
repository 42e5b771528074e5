"""Resizing to the size of another level, so that levels need not halve exactly."""
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor


def same_size(feat: Tensor, size: Sequence[int]) -> bool:
    """Return whether the spatial size of ``feat`` (N, C, H, W) is ``size``."""
    return tuple(feat.shape[2:]) == tuple(size)


def is_multiple(size: Sequence[int], feat: Tensor) -> bool:
    """Return whether ``size`` is a whole multiple of the spatial size of ``feat`` (N, C, H, W)."""
    return all(target % own == 0 for target, own in zip(size, feat.shape[2:], strict=True))


def nearest_to(feat: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (N, C, H, W) to ``size`` by the nearest neighbour; a map of that size is returned as it is."""
    return feat if same_size(feat, size) else F.interpolate(feat, size=tuple(size), mode='nearest')


def bilinear_to(feat: Tensor, size: Sequence[int]) -> Tensor:
    """Resize (N, C, H, W) to ``size`` bilinearly, corners not aligned; a map of that size is returned as it is."""
    if same_size(feat, size):
        return feat
    return F.interpolate(feat, size=tuple(size), mode='bilinear', align_corners=False)


def max_pool_to(feat: Tensor, size: Sequence[int]) -> Tensor:
    """Max-pool (N, C, H, W) to ``size``.

    - The size of the map: the map itself.
    - Its half, rounded up: 3x3 pooling with stride 2 and TensorFlow's "same" padding, which is one row and column at
      the bottom and right of an even size and one on each side of an odd size. The padding never wins, so that maps
      may be negative.
    - Any other size: adaptive max-pooling, where bin i of n covers the rows floor(i H / n) to ceil((i + 1) H / n) - 1.
    """
    if same_size(feat, size):
        return feat
    if tuple(size) == tuple((side + 1) // 2 for side in feat.shape[2:]):
        padding = tuple(side % 2 for side in feat.shape[2:])
        return F.max_pool2d(feat, kernel_size=3, stride=2, padding=padding, ceil_mode=True)
    return F.adaptive_max_pool2d(feat, tuple(size))
