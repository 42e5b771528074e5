"""Legends of the classes that occur."""

from collections import Counter
from collections.abc import Iterable, Sequence

from matplotlib.patches import Patch

from mmkd.visualization.palette import Color, shorten
from mmkd.visualization.picture import Picture
from mmkd.visualization.segmentation import VOID_COLOR

MOST_NAMES = 24


def present_classes(pictures: Iterable[Picture], count: int) -> list[int]:
    """Labels that occur in any of the pictures, the most frequent first, those of no class (void) last.

    Args:
        pictures: The pictures.
        count: Number of classes.
    """
    total = sum((Counter(picture.counts) for picture in pictures), Counter())
    return sorted(total, key=lambda label: (label >= count, -total[label], label))


def legend(labels: Sequence[int], classes: Sequence[str], palette: Sequence[Color]) -> list[Patch]:
    """Entries of a legend in the order of the classes, void last; the first labels stand for what does not fit."""
    entries = []
    for label in sorted(labels[:MOST_NAMES]):
        known = label < len(classes)
        color = [value / 255 for value in (palette[label] if known else VOID_COLOR)]
        entries.append(Patch(facecolor=color, edgecolor='0.5', label=_name(classes[label] if known else 'void')))
    if len(labels) > MOST_NAMES:
        entries.append(Patch(facecolor='none', label=f'and {len(labels) - MOST_NAMES} more'))
    return entries


def _name(name: str) -> str:
    # matplotlib leaves entries out whose name begins with an underscore
    return shorten(f' {name}' if name.startswith('_') else name)
