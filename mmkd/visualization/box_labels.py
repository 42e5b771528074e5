"""Names at boxes, where there is room for them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from mmkd.visualization.palette import ink_on

FONT = 6.5


def draw_box_labels(
    axis: Axes, boxes: np.ndarray, texts: Sequence[Sequence[str]], colors: Sequence[Sequence[float]]
) -> list[str]:
    """Write a text at each box: above it, else below, else inside, at a place that no earlier text covers.

    A text that finds no place is left out; the colour of its box still tells its class.

    Args:
        axis: Axes whose limits are final.
        boxes: Left, top, right and bottom (M, 4), the most important first.
        texts: What may be written at each, the best first; the others are for where that finds no place.
        colors: Colours (M, 3) in RGB, 0 to 1.

    Returns:
        The texts that were written.
    """
    axis.apply_aspect()
    taken: list[Bbox] = []
    each = zip(boxes, texts, colors, strict=True)
    written = [_write_any(axis, box, choice, color, taken) for box, choice, color in each]
    return [text for text in written if text]


def _write_any(axis: Axes, box: np.ndarray, choice: Sequence[str], color: Sequence[float], taken: list[Bbox]) -> str:
    return next((text for text in choice if _write(axis, box, text, color, taken)), '')


def _write(axis: Axes, box: np.ndarray, text: str, color: Sequence[float], taken: list[Bbox]) -> bool:
    frame = dict(facecolor=color, edgecolor='none', pad=0.6, alpha=0.85)
    label = axis.text(0, 0, text, fontsize=FONT, color=ink_on(color), bbox=frame, parse_math=False, clip_on=True)
    room = axis.get_window_extent().padded(2)
    for left, height, side in _places(box):
        label.set(position=(left, height), ha=side[0], va=side[1])
        extent = label.get_window_extent().padded(1)
        inside = room.x0 <= extent.x0 and extent.x1 <= room.x1 and room.y0 <= extent.y0 and extent.y1 <= room.y1
        if inside and not any(extent.overlaps(other) for other in taken):
            taken.append(extent)
            return True
    label.remove()
    return False


def _places(box: np.ndarray) -> list[tuple[float, float, tuple[str, str]]]:
    left, top, right, bottom = box
    return [
        (x, y, (side, align))
        for y, align in ((top, 'bottom'), (bottom, 'top'), (top, 'top'), (bottom, 'bottom'))
        for x, side in ((left, 'left'), (right, 'right'))
    ]
