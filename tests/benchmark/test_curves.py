import math

import numpy as np
import pytest
from matplotlib import pyplot as plt

from mmkd.benchmark.curves import average_curve, plot_curves, save_curves


def curve(*points):
    return [{'iteration': iteration, 'seconds': seconds, 'mIoU': value} for iteration, seconds, value in points]


@pytest.fixture
def results():
    curves = {
        'plain': [curve((10, 5.0, 1.0), (20, 10.0, 3.0)), curve((10, 7.0, 3.0), (20, 14.0, 4.0))],
        'better': [curve((10, 9.0, 2.0), (20, 18.0, 6.0))],
    }
    runs = [
        {'entry': name, 'seed': seed, 'state': 'done', 'val_curve': points}
        for name, items in curves.items()
        for seed, points in enumerate(items)
    ]
    runs.append({'entry': 'failed', 'seed': 0, 'state': 'failed'})
    return {
        'title': 'T',
        'metrics': {'val': 'mIoU'},
        'runs': runs,
        'entries': {name: {'label': name.title()} for name in ('plain', 'better', 'failed')},
    }


def test_average_over_seeds():
    iterations, seconds, mean, std, runs = average_curve(
        [curve((10, 5.0, 1.0), (20, 10.0, 3.0)), curve((10, 7.0, 3.0))], 'mIoU'
    )
    assert iterations.tolist() == [10] and seconds.tolist() == [6.0] and mean.tolist() == [2.0] and runs == 2
    assert std.tolist() == pytest.approx([math.sqrt(2)])
    assert average_curve([], 'mIoU') is None and average_curve([curve((10, 5.0, 1.0))], 'mAcc') is None


def test_one_line_per_entry_in_both_panels(results):
    figure = plot_curves(results)
    over_iterations, over_time = figure.axes
    assert [text.get_text() for text in over_iterations.get_legend().get_texts()] == ['Plain (n = 2)', 'Better (n = 1)']
    assert [line.get_ydata().tolist() for line in over_iterations.lines] == [[2.0, 3.5], [2.0, 6.0]]
    assert over_iterations.lines[0].get_xdata().tolist() == [10, 20]
    np.testing.assert_allclose(over_time.lines[0].get_xdata(), [6 / 60, 12 / 60])
    assert len(over_time.lines) == 2 and len(over_time.collections) == 2
    band = over_iterations.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(2 - math.sqrt(2)) and band.max() == pytest.approx(3.5 + math.sqrt(0.5))


def test_a_metric_with_a_slash_in_percent(results):
    for run in results['runs']:
        for point in run.get('val_curve', []):
            point['coco/bbox_mAP'] = point.pop('mIoU') / 10
    results |= {'metrics': {'val': 'coco/bbox_mAP', 'test': 'coco/bbox_mAP'}, 'scale': 100}
    axis = plot_curves(results).axes[0]
    assert axis.get_ylabel() == 'val coco/bbox_mAP x 100'
    assert axis.lines[0].get_ydata().tolist() == pytest.approx([20, 35])
    band = axis.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(35 + 10 * math.sqrt(0.5))


def test_file_is_a_png_even_without_finished_runs(results, tmp_path):
    save_curves(results, tmp_path / 'curves.png')
    assert plt.imread(tmp_path / 'curves.png').shape[1] > 1000
    save_curves({**results, 'runs': []}, tmp_path / 'empty.png')
    assert (tmp_path / 'empty.png').read_bytes().startswith(b'\x89PNG')
