"""``curves.png``: validation curves over iterations and over time."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from mmkd.benchmark.results import Results, finished, metric_label, metric_name


def plot_curves(results: Results) -> Figure:
    """Draw the validation curve of every entry with finished runs, over iterations and over time.

    The line is the mean over seeds, the band around it ± one sample standard deviation.

    Args:
        results: Content of ``results.json``.

    Returns:
        A figure with two axes that share the metric.
    """
    scale = results.get('scale', 1)
    figure = Figure(figsize=(12, 4.8), layout='constrained')
    axes = figure.subplots(1, 2, sharey=True)
    for number, (name, entry) in enumerate(results['entries'].items()):
        curves = [run['val_curve'] for run in finished(results, name)]
        curve = average_curve(curves, metric_name(results, name, 'val'))
        if curve is None:
            continue
        iterations, seconds, mean, std, seeds = curve
        mean, std = scale * mean, scale * std
        for axis, x in zip(axes, (iterations, seconds / 60), strict=True):
            axis.plot(x, mean, color=f'C{number}', marker='o', markersize=3, label=f'{entry["label"]} (n = {seeds})')
            axis.fill_between(x, mean - std, mean + std, color=f'C{number}', alpha=0.2, linewidth=0)
    for axis, label in zip(axes, ('iterations', 'training time (minutes)'), strict=True):
        axis.set_xlabel(label)
        axis.set_xlim(left=0)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(f'val {metric_label(results, "val")}')
    if axes[0].lines:
        axes[0].legend(loc='lower right')
    figure.suptitle(f'{results["title"]}: mean over seeds ± standard deviation')
    return figure


def average_curve(
    curves: list[list[dict]], metric: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int] | None:
    """Average the validation curves of several seeds.

    Args:
        curves: Per run a list of ``dict(iteration=…, seconds=…, <metric>=…)``.
        metric: Name of the metric.

    Returns:
        Iterations that every run validated at, mean seconds, mean and sample standard deviation of the metric (0 for
        one run), number of runs; None if there is none.
    """
    points = [
        {point['iteration']: (point['seconds'], point[metric]) for point in curve if metric in point}
        for curve in curves
    ]
    common = sorted(set.intersection(*map(set, points))) if points else []
    if not common:
        return None
    values = np.array([[run[iteration] for iteration in common] for run in points])
    std = values[..., 1].std(axis=0, ddof=1) if len(points) > 1 else np.zeros(len(common))
    return np.array(common), values[..., 0].mean(axis=0), values[..., 1].mean(axis=0), std, len(points)


def save_curves(results: Results, file: Path) -> None:
    """Plot and write a PNG."""
    plot_curves(results).savefig(file, dpi=120)
