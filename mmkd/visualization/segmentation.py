"""Label maps as colours."""

from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Patch

VOID = 255
VOID_COLOR = (255, 255, 255)
MOST_NAMES = 24


def draw_segmentation(labels: np.ndarray, palette: Sequence[Sequence[int]], void: int = VOID) -> np.ndarray:
    """Colour a label map.

    Args:
        labels: Classes (H, W), integer.
        palette: Colours (K, 3) in RGB, 0 to 255, one per class.
        void: The label that belongs to no class; it becomes white.

    Returns:
        Image (H, W, 3) in RGB, uint8.

    Raises:
        ValueError: If a label is neither void nor below K.
    """
    labels = np.asarray(labels)
    unknown = np.setdiff1d(labels, [*range(len(palette)), void])
    if unknown.size:
        raise ValueError(
            f'The label map has the labels {unknown[:5].tolist()}, but the palette has {len(palette)} colours and void '
            f"is {void}: correct the labels or the dataset's palette."
        )
    colors = np.full((max(void, len(palette)) + 1, 3), VOID_COLOR, np.uint8)
    colors[: len(palette)] = palette
    colors[void] = VOID_COLOR
    return colors[labels]


def present_classes(label_maps: Sequence[np.ndarray], void: int = VOID) -> list[int]:
    """Labels that occur in any of the maps, the most frequent first, void last."""
    labels, counts = np.unique(np.concatenate([np.ravel(labels) for labels in label_maps]), return_counts=True)
    return sorted(labels.tolist(), key=lambda label: (label == void, -counts[labels == label][0]))


def legend(labels: Sequence[int], classes: Sequence[str], palette: Sequence[Sequence[int]]) -> list[Patch]:
    """Entries of a legend in the order of the classes, void last; the first labels stand for what does not fit."""
    entries = []
    for label in sorted(labels[:MOST_NAMES], key=lambda label: (label >= len(classes), label)):
        known = label < len(classes)
        color = [value / 255 for value in (palette[label] if known else VOID_COLOR)]
        entries.append(Patch(facecolor=color, edgecolor='0.5', label=classes[label] if known else 'void'))
    if len(labels) > MOST_NAMES:
        entries.append(Patch(facecolor='none', label=f'and {len(labels) - MOST_NAMES} more'))
    return entries
