"""Where feature maps lie over the image that a network saw."""

import math

from torch import Tensor

STRIDES = (1, 2, 4, 8, 16, 32, 64, 128)
Size = tuple[int, int]


def cell_size(shape: Size, batch: Size) -> tuple[float, float]:
    """Height and width in pixels of a cell of a feature map.

    A stage of stride s makes ceil(size / s) cells, the last of which may reach beyond the batch, so that the cells are
    larger than size / number.

    Args:
        shape: Rows and columns of the map.
        batch: Height and width of the batch, padding included.
    """
    return tuple(_stride(size, cells) for size, cells in zip(batch, shape, strict=True))


def visible(level: Tensor, image: Size, cell: tuple[float, float]) -> Tensor:
    """The cells of maps (…, H, W) that the image touches, without those of padding alone.

    Args:
        level: The maps.
        image: Height and width of the image, which lies in the upper left corner of the batch.
        cell: Height and width of a cell.
    """
    rows, columns = (math.ceil(size / side) for size, side in zip(image, cell, strict=True))
    return level[..., :rows, :columns]


def _stride(size: int, cells: int) -> float:
    return next((stride for stride in STRIDES if math.ceil(size / stride) == cells), size / cells)
