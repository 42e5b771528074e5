"""Which positions of a padded batch are image."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def valid_positions(
    image_sizes: Sequence[tuple[int, int]], batch_size: tuple[int, int], maps: Sequence[Tensor]
) -> list[Tensor] | None:
    """Masks of the positions that see any pixel of their image; images are padded at the right and at the bottom.

    A map of stride s has its first ``ceil(height / s)`` rows in an image of that height, however large the batch is.

    Args:
        image_sizes: Height and width of each image.
        batch_size: Height and width of the padded batch.
        maps: Feature maps (N, C, h, w).

    Returns:
        One bool mask (N, h, w) per map, or None where no image is padded.
    """
    if all(tuple(size) == tuple(batch_size) for size in image_sizes):
        return None
    return [_mask(image_sizes, batch_size, level) for level in maps]


def cell_size(shape: tuple[int, int], batch_size: tuple[int, int]) -> tuple[float, float]:
    """Height and width in pixels of a position of a map.

    A stage of stride s makes ``ceil(size / s)`` positions, the last of which may reach beyond the batch, so that a
    position is larger than size / number.

    Args:
        shape: Rows and columns of the map.
        batch_size: Height and width of the padded batch.
    """
    return tuple(_stride(own, whole) for own, whole in zip(shape, batch_size, strict=True))


def _mask(image_sizes: Sequence[tuple[int, int]], batch_size: tuple[int, int], level: Tensor) -> Tensor:
    mask = torch.zeros(level.shape[0], *level.shape[2:], dtype=torch.bool, device=level.device)
    strides = cell_size(mask.shape[1:], batch_size)
    for image, size in zip(mask, image_sizes, strict=True):
        rows, columns = (math.ceil(side / stride) for side, stride in zip(size, strides, strict=True))
        image[:rows, :columns] = True
    return mask


def _stride(own: int, whole: int) -> float:
    # Halving rounds up: 320 pixels at stride 128 give 3 rows, and 320 / 3 would count a row of padding as image.
    stride = 2.0 ** math.ceil(math.log2(whole / own))
    return stride if math.ceil(whole / stride) == own else whole / own
