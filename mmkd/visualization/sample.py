"""One image with all that networks make of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from mmkd.visualization.attention import COLORS, DIFFERENCES, draw_stage
from mmkd.visualization.features import Attention
from mmkd.visualization.legend import legend, present_classes
from mmkd.visualization.palette import Color
from mmkd.visualization.picture import Picture
from mmkd.visualization.sheet import GAP, Row, draw_picture, make_figure, titled
from mmkd.visualization.title import lines

# inches: the side of a square map, the least width of a map, the largest width and height of a picture
SIDE, LEAST, MOST_WIDTH, MOST_HEIGHT = 2.0, 1.2, 4.2, 5.0


@dataclass
class Sample:
    """An image, its truth and what models say about it.

    Args:
        name: Name of the image.
        pictures: Input, truth and predictions.
        attention: The attention of a model and of what teaches it.
    """

    name: str
    pictures: list[Picture]
    attention: Attention | None = None

    def reduced(self) -> 'Sample':
        """What an overview needs of it."""
        return replace(self, pictures=[picture.reduced() for picture in self.pictures], attention=None)


def draw_sample(sample: Sample, classes: Sequence[str], palette: Sequence[Color]) -> Figure:
    """Draw a sample: pictures above, below them the attention of each stage for student, teacher and their difference.

    Args:
        sample: The sample.
        classes: Names of the classes.
        palette: Their colours in RGB, 0 to 255.

    Returns:
        The figure, with a legend of the classes that occur.
    """
    pictures, attention = sample.pictures, sample.attention
    aspect = pictures[0].aspect or 1.0
    below = _attention_rows(attention, aspect) if attention and attention.stages else []
    width = _picture_width(len(pictures), aspect, sum(row.columns * (row.width + GAP) for row in below[:1]))
    # images keep their shape in the middle of larger axes
    size = np.maximum((width, width * aspect), np.max([picture.least_size for picture in pictures], axis=0))
    titles = [titled(picture, size[0]) for picture in pictures]
    above = Row(len(pictures), *size, lines=max(map(lines, titles)))
    entries = legend(present_classes(pictures, len(classes)), classes, palette)
    figure, axes = make_figure([above, *below], entries)
    for axis, picture, title in zip(axes[0], pictures, titles, strict=True):
        draw_picture(axis, picture, title)
    for number, stage in enumerate(attention.stages if below else []):
        draw_stage(stage, attention.size, [row[number] for row in axes[1:]])
    return figure


def _attention_rows(attention: Attention, aspect: float) -> list[Row]:
    width = _map_width(aspect)
    shape = (len(attention.stages), width, width * aspect)
    names = ('0', 'largest')
    rows = [Row(*shape, lines=2, name='attention\nstudent', scale=(COLORS, names))]
    if attention.taught:
        rows += [
            Row(*shape, name=f'attention\n{attention.teacher}', scale=(COLORS, names)),
            Row(*shape, lines=1, name='teacher\n− student', scale=(DIFFERENCES, ('student', 'equal', 'teacher'))),
        ]
    return rows


def _picture_width(number: int, aspect: float, room: float) -> float:
    return max(_map_width(aspect), min(room / number - GAP, MOST_WIDTH, MOST_HEIGHT / aspect))


def _map_width(aspect: float) -> float:
    # wide and tall images get maps of about the same area
    return min(max(SIDE / math.sqrt(aspect), LEAST), 1.6 * SIDE)
