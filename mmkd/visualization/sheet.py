"""Sheets: pictures in rows and columns, with titles and a legend that fit."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

DPI = 120
TITLE, GAP, LEGEND_LINE, NAME = 0.42, 0.06, 0.25, 1.15


def make_grid(
    rows: int, columns: int, aspect: float, legend: Sequence[Patch], titled: int = 1, width: float = 2.1
) -> tuple[Figure, np.ndarray]:
    """A figure with empty axes (rows, columns) for pictures of one aspect, and a legend below them.

    Args:
        rows: Rows of pictures.
        columns: Columns of pictures.
        aspect: Height over width of a picture.
        legend: Entries of the legend; none is drawn without entries.
        titled: How many of the rows have titles.
        width: Width of a picture in inches.

    Returns:
        The figure and its axes, without ticks.
    """
    per_line = max(1, int(columns * width / NAME))
    lines = math.ceil(len(legend) / per_line)
    height = rows * (width * aspect + GAP) + titled * TITLE + lines * LEGEND_LINE + 0.1
    figure = Figure(figsize=(columns * (width + GAP) + 0.3, height), dpi=DPI, layout='constrained')
    figure.get_layout_engine().set(w_pad=GAP / 2, h_pad=GAP / 2, wspace=0, hspace=0)
    axes = figure.subplots(rows, columns, squeeze=False)
    if legend:
        figure.legend(
            handles=list(legend),
            loc='outside lower center',
            ncols=min(per_line, len(legend)),
            frameon=False,
            fontsize='small',
        )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure, axes


def show_image(axis: Axes, image: np.ndarray, title: str = '') -> None:
    """Draw an image (H, W, 3), pixels unblurred and framed, with a title."""
    axis.imshow(image, interpolation='nearest')
    axis.spines[:].set(visible=True, color='0.7', linewidth=0.6)
    if title:
        axis.set_title(title, fontsize='small')


def save_sheet(
    file: Path, rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], legend: Sequence[Patch] = ()
) -> None:
    """Write a contact sheet: one row per sample, one column per kind of picture.

    Args:
        file: The PNG to write.
        rows: Images (H, W, 3), as many per row as there are titles.
        titles: Titles of the columns.
        legend: Entries of the legend below.

    Raises:
        ValueError: If there is no row, or a row has more or fewer images than there are titles.
    """
    wrong = [len(row) for row in rows if len(row) != len(titles)]
    if wrong or not rows:
        raise ValueError(
            f'The sheet has {len(rows)} rows and {len(titles)} titles, with {wrong} images in rows that do not fit: '
            'give at least one row and one image per title.'
        )
    aspect = max(image.shape[0] / image.shape[1] for row in rows for image in row)
    figure, axes = make_grid(len(rows), len(titles), aspect, legend, width=1.6)
    for number, row in enumerate(rows):
        for axis, image, title in zip(axes[number], row, titles, strict=True):
            show_image(axis, image, title if number == 0 else '')
    figure.savefig(file)
