import pytest
from matplotlib import pyplot as plt

from mmkd.profiling.chart import plot_bars, save_chart
from tests.profiling.test_table import profile  # noqa: F401  (a fixture)


def bars_of(axis):
    return next(bars for bars in axis.containers if getattr(bars, 'patches', None))


def test_one_row_of_panels_per_config_and_one_bar_per_model(profile):  # noqa: F811
    profile['configs'].append({**profile['configs'][0], 'config': 'other'})
    figure = plot_bars(profile)
    first, second = figure.subfigs
    assert 'frskd_tiny' in first.get_suptitle() and 'other' in second.get_suptitle()
    assert [axis.get_title() for axis in first.axes][:2] == ['step time', 'peak memory'] and len(first.axes) == 6
    assert [label.get_text() for label in first.axes[0].get_yticklabels()] == ['plain', 'frskd']
    widths = [[bar.get_width() for bar in bars_of(axis)] for axis in first.axes]
    assert widths == [[1.0, 1.5]] * 5 + [[1.0, 1.0]]


def test_the_plain_student_stands_on_top(profile):  # noqa: F811
    low, high = plot_bars(profile).axes[0].get_ylim()
    assert low > high


def test_only_the_time_has_a_spread(profile):  # noqa: F811
    time, *others = plot_bars(profile).axes
    (lines,) = bars_of(time).errorbar.lines[2]
    lengths = [end[0] - start[0] for start, end in lines.get_segments()]
    assert lengths == pytest.approx([0.2, 0.2])
    assert all(bars_of(axis).errorbar is None for axis in others)


def test_file_is_a_png(profile, tmp_path):  # noqa: F811
    save_chart(profile, tmp_path / 'profile.png')
    assert plt.imread(tmp_path / 'profile.png').shape[1] > 1000
