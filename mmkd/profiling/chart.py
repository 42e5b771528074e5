"""``profile.png``: bars relative to the plain student."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmkd.profiling.table import COLUMNS, describe_batch

SHARE = 0.8


def plot_bars(profile: dict[str, Any]) -> Figure:
    """One panel per config; a group of bars per quantity, one bar per model, the first model's being 1.

    Args:
        profile: Content of ``profile.json``.
    """
    configs = profile['configs']
    figure = Figure(figsize=(11, 1 + 3.2 * len(configs)), layout='constrained')
    panels = figure.subplots(len(configs), 1, squeeze=False)[:, 0]
    for axis, config in zip(panels, configs, strict=True):
        _draw(axis, config)
    standard = configs[0]['rows'][0]['name']
    figure.suptitle(f'Cost of a training step, {standard} = 1')
    return figure


def save_chart(profile: dict[str, Any], file: Path) -> None:
    """Plot and write a PNG."""
    plot_bars(profile).savefig(file, dpi=120)


def _draw(axis: Axes, config: dict[str, Any]) -> None:
    rows = config['rows']
    width = SHARE / len(rows)
    for number, row in enumerate(rows):
        ratios = [row['ratios'][key] or 0 for key in COLUMNS]
        places = [group + (number - (len(rows) - 1) / 2) * width for group in range(len(COLUMNS))]
        bars = axis.bar(places, ratios, width, yerr=_spread(row), color=f'C{number}', label=row['name'])
        axis.bar_label(bars, fmt='%.2f', fontsize=8, padding=2)
    titles = [title.replace(' ', '\n', 1) for title, _ in COLUMNS.values()]
    axis.set_xticks(range(len(COLUMNS)), titles)
    axis.axhline(1, color='grey', linewidth=0.8, zorder=0)
    axis.margins(y=0.12)
    axis.set_ylabel('ratio')
    axis.set_title(f'{config["config"]}: {describe_batch(config).lower()}', fontsize=10)
    axis.legend(loc='center left', bbox_to_anchor=(1, 0.5))


def _spread(row: dict[str, Any]) -> list[list[float]]:
    """Lengths of the error bars below and above; only the time has one."""
    middle, (low, high) = row['ratios']['step_ms'], row['step_ms_spread']
    return [[length if key == 'step_ms' else 0.0 for key in COLUMNS] for length in (middle - low, high - middle)]
