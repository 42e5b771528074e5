"""Which positions of a padded batch are image."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def valid_positions(
    image_sizes: Sequence[tuple[int, int]], batch_size: tuple[int, int], maps: Sequence[Tensor]
) -> list[Tensor] | None:
    """Masks of the positions that see any pixel of their image; images are padded at the right and at the bottom.

    A map of h rows over a batch of H pixels has its first ``ceil(h * height / H)`` rows in an image of that height.

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


def _mask(image_sizes: Sequence[tuple[int, int]], batch_size: tuple[int, int], level: Tensor) -> Tensor:
    mask = torch.zeros(level.shape[0], *level.shape[2:], dtype=torch.bool, device=level.device)
    for image, size in zip(mask, image_sizes, strict=True):
        sides = zip(image.shape, size, batch_size, strict=True)
        rows, columns = (math.ceil(cells * own / whole) for cells, own, whole in sides)
        image[:rows, :columns] = True
    return mask
