"""Names and colours of classes, where data sets give them and where they do not."""

import colorsys
from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps

Color = tuple[int, int, int]
GOLDEN = 0.618034


def names_of(metainfo: dict[str, Any], count: int) -> list[str]:
    """Names of the classes, their numbers where the data set has no names."""
    names = [str(name) for name in metainfo.get('classes') or []]
    return names + [str(label) for label in range(len(names), count)]


def palette_of(metainfo: dict[str, Any], count: int) -> list[Color]:
    """Colours of the classes in RGB, 0 to 255; where the data set has none or too few, colours that differ in hue."""
    given = metainfo.get('palette')
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) >= count:
        return [tuple(int(value) for value in color) for color in given]
    if count <= 20:
        chosen = colormaps['tab10' if count <= 10 else 'tab20'].colors[:count]
    else:
        chosen = [
            colorsys.hsv_to_rgb(label * GOLDEN % 1, 0.6 + 0.3 * (label % 2), 0.9 - 0.3 * (label % 3 == 0))
            for label in range(count)
        ]
    return [tuple(round(255 * value) for value in color) for color in chosen]


def ink_on(color: Sequence[float]) -> str:
    """Black or white, whichever is easier to read on a colour in RGB, 0 to 1."""
    red, green, blue = color
    return 'black' if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else 'white'


def shorten(name: str, length: int = 24) -> str:
    """A name cut to a length, with an ellipsis."""
    return name if len(name) <= length else f'{name[: length - 1]}…'
