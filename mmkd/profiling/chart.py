"""``profile.png``: bars relative to the plain student."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmkd.profiling.table import COLUMNS, describe_batch

ROW_INCHES = 0.3


def plot_bars(profile: dict[str, Any]) -> Figure:
    """One row of panels per config, a panel per quantity, a bar per model; the first model is 1.

    Args:
        profile: Content of ``profile.json``.
    """
    configs = profile['configs']
    heights = [1.2 + ROW_INCHES * len(config['rows']) for config in configs]
    figure = Figure(figsize=(14, 0.5 + sum(heights)), layout='constrained')
    parts = figure.subfigures(len(configs), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, config in zip(parts, configs, strict=True):
        part.suptitle(f'{config["config"]}: {describe_batch(config).lower()}', fontsize=10)
        axes = part.subplots(1, len(COLUMNS), sharey=True)
        for axis, key in zip(axes, COLUMNS, strict=True):
            _draw(axis, config['rows'], key)
    standard = configs[0]['rows'][0]['name']
    figure.suptitle(f'Cost of a training step, {standard} = 1')
    return figure


def save_chart(profile: dict[str, Any], file: Path) -> None:
    """Plot and write a PNG."""
    plot_bars(profile).savefig(file, dpi=120)


def _draw(axis: Axes, rows: list[dict[str, Any]], key: str) -> None:
    ratios = [row['ratios'][key] or 0 for row in rows]
    spread = list(zip(*map(_spread, rows), strict=True)) if key == 'step_ms' else None
    bars = axis.barh(range(len(rows)), ratios, xerr=spread, color=[f'C{number}' for number in range(len(rows))])
    axis.bar_label(bars, fmt='%.2f', fontsize=8, padding=2)
    axis.set_yticks(range(len(rows)), [row['name'] for row in rows])
    # the plain student on top; panels share the axis
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.axvline(1, color='grey', linewidth=0.8, zorder=0)
    axis.margins(x=0.25)
    axis.set_title(COLUMNS[key][0], fontsize=9)


def _spread(row: dict[str, Any]) -> tuple[float, float]:
    """Lengths of the error bar of the time below and above."""
    middle, (low, high) = row['ratios']['step_ms'], row['step_ms_spread']
    return middle - low, high - middle
