"""Sheets: rows of pictures, with titles, names of the rows, colour scales and a legend that fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmkd.visualization.picture import Picture
from mmkd.visualization.title import CHARACTER, FONT, LINE, lines, wrap, write_title

DPI = 120
GAP, NAME, SCALE, MARGIN = 0.08, 0.42, 0.62, 0.08  # inches
MOST_SHOWN = 40


@dataclass
class Row:
    """A row of equally large axes; lengths are in inches.

    Args:
        columns: How many.
        width: Width of each.
        height: Height of each.
        lines: Lines of the highest title above them.
        name: What is written at the left.
        scale: Colour map and the names of its ends (and middle), drawn at the right.
    """

    columns: int
    width: float
    height: float
    lines: int = 0
    name: str = ''
    scale: tuple[str, Sequence[str]] | None = None

    @property
    def above(self) -> float:
        """Room above the axes."""
        return GAP + (self.lines * LINE + 0.06 if self.lines else 0)


def make_figure(rows: Sequence[Row], legend: Sequence[Patch] = ()) -> tuple[Figure, list[list[Axes]]]:
    """A figure with empty axes in rows, and a legend below them.

    Args:
        rows: The rows.
        legend: Entries of the legend; none is drawn without entries.

    Returns:
        The figure and the axes of each row, without ticks.
    """
    left = NAME if any(row.name for row in rows) else MARGIN
    inner = max(row.columns * (row.width + GAP) for row in rows)
    width = left + inner + (SCALE if any(row.scale for row in rows) else MARGIN)
    per_line, legend_lines = _legend_shape(legend, width)
    height = sum(row.height + row.above for row in rows) + MARGIN + legend_lines * LINE * 1.25 + 0.12 * bool(legend)
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    axes, top = [], height
    for row in rows:
        top -= row.above + row.height
        axes.append([_add_axes(figure, left + i * (row.width + GAP), top, row) for i in range(row.columns)])
        if row.name:
            middle = (top + row.height / 2) / height
            figure.text(0.06 / width, middle, row.name, rotation=90, va='center', ha='left', fontsize=FONT)
        if row.scale:
            _add_scale(figure, left + row.columns * (row.width + GAP) + 0.02, top, row)
    if legend:
        texts = figure.legend(
            handles=list(legend), loc='lower center', ncols=per_line, frameon=False, fontsize=FONT, borderaxespad=0.2
        )
        for text in texts.get_texts():
            text.set_parse_math(False)
    return figure, axes


def titled(picture: Picture, width: float, title: bool = True) -> str:
    """Title (or not) and note of a picture, in lines that fit a width in inches."""
    return wrap(f'{picture.title if title else ""}\n{picture.note}', width)


def draw_picture(axis: Axes, picture: Picture, title: str) -> None:
    """Draw a picture below its title."""
    picture.draw(axis)
    write_title(axis, title)


def save_sheet(file: Path, rows: Sequence[Sequence[Picture]], legend: Sequence[Patch] = (), width: float = 2.0) -> None:
    """Write an overview: one row per sample, one column per kind of picture, titles above the first row.

    The first 40 samples are shown.

    Args:
        file: The PNG to write.
        rows: Pictures, as many per sample.
        legend: Entries of the legend below.
        width: Width of a picture in inches.

    Raises:
        ValueError: If there is no row, or the rows differ in their numbers of pictures.
    """
    numbers = {len(row) for row in rows}
    if len(numbers) != 1:
        raise ValueError(
            f'The sheet has {len(rows)} rows with {sorted(numbers)} pictures, but at least one row, and as many '
            'pictures in each, are needed: correct the rows.'
        )
    rows = rows[:MOST_SHOWN]
    titles = [[titled(picture, width, number == 0) for picture in row] for number, row in enumerate(rows)]
    layout = [
        Row(len(row), width, _height(row, width), max(map(lines, texts)))
        for row, texts in zip(rows, titles, strict=True)
    ]
    figure, axes = make_figure(layout, legend)
    for row, texts, line in zip(rows, titles, axes, strict=True):
        for picture, text, axis in zip(row, texts, line, strict=True):
            draw_picture(axis, picture, text)
    figure.savefig(file)


def to_rgb(figure: Figure) -> np.ndarray:
    """The pixels (H, W, 3) of a figure, uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _height(row: Sequence[Picture], width: float) -> float:
    highest = min(1.6, max(picture.aspect or 0.0 for picture in row) or 1.0)
    return max(width * highest, max(picture.least_size[1] for picture in row))


def _add_axes(figure: Figure, left: float, bottom: float, row: Row) -> Axes:
    width, height = figure.get_size_inches()
    axis = figure.add_axes((left / width, bottom / height, row.width / width, row.height / height))
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    return axis


def _add_scale(figure: Figure, left: float, bottom: float, row: Row) -> None:
    colors, names = row.scale
    width, height = figure.get_size_inches()
    axis = figure.add_axes((left / width, bottom / height, 0.09 / width, row.height / height))
    ramp = np.linspace(0, 1, 256)[:, None]
    axis.imshow(ramp, cmap=colors, aspect='auto', origin='lower', extent=(0, 1, 0, 1))
    axis.set(xticks=[], yticks=np.linspace(0, 1, len(names)))
    axis.yaxis.tick_right()
    labels = axis.set_yticklabels(names, fontsize=7)
    # within the row, or they would touch those of the next
    labels[0].set_va('bottom')
    labels[-1].set_va('top')
    axis.tick_params(length=0, pad=2)


def _legend_shape(legend: Sequence[Patch], width: float) -> tuple[int, int]:
    if not legend:
        return 1, 0
    widths = [len(entry.get_label()) * CHARACTER + 0.55 for entry in legend]
    per_line = len(legend) if sum(widths) <= width else max(1, int(width / max(widths)))
    return per_line, math.ceil(len(legend) / per_line)
