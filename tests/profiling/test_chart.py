import pytest
from matplotlib import pyplot as plt

from mmkd.profiling.chart import plot_bars, save_chart
from tests.profiling.test_table import profile  # noqa: F401  (a fixture)


def test_one_panel_per_config_and_one_bar_per_model_and_quantity(profile):  # noqa: F811
    profile['configs'].append({**profile['configs'][0], 'config': 'other'})
    figure = plot_bars(profile)
    first, second = figure.axes
    assert 'frskd_tiny' in first.get_title() and 'other' in second.get_title()
    assert [text.get_text() for text in first.get_legend().get_texts()] == ['plain', 'frskd']
    plain, frskd = (bars for bars in first.containers if len(bars.get_children()) == 6 and hasattr(bars, 'patches'))
    assert [bar.get_height() for bar in plain] == [1.0] * 6
    assert [bar.get_height() for bar in frskd] == [1.5] * 5 + [1.0]
    assert frskd[0].get_x() == pytest.approx(plain[0].get_x() + plain[0].get_width())
    assert [label.get_text() for label in first.get_xticklabels()][:2] == ['step\ntime', 'peak\nmemory']


def test_only_the_time_has_a_spread(profile):  # noqa: F811
    axis = plot_bars(profile).axes[0]
    lines = axis.containers[-1].errorbar.lines[2][0].get_segments()
    lengths = [segment[1][1] - segment[0][1] for segment in lines]
    assert lengths == pytest.approx([0.2, 0, 0, 0, 0, 0])


def test_file_is_a_png(profile, tmp_path):  # noqa: F811
    save_chart(profile, tmp_path / 'profile.png')
    assert plt.imread(tmp_path / 'profile.png').shape[1] > 1000
