"""Titles that fit the room which sheets make for them."""

import textwrap

from matplotlib.axes import Axes

FONT = 8.5
CHARACTER, LINE = 0.074, 0.15  # inches


def wrap(title: str, width: float) -> str:
    """A title in lines that fit a width in inches; empty lines are dropped."""
    length = max(8, int(width / CHARACTER))
    return '\n'.join(part for line in title.split('\n') for part in textwrap.wrap(line, length))


def lines(title: str) -> int:
    """Number of lines."""
    return title.count('\n') + bool(title)


def write_title(axis: Axes, title: str) -> None:
    """Write a title above axes."""
    axis.set_title(title, fontsize=FONT, pad=3, linespacing=1.15, parse_math=False)
