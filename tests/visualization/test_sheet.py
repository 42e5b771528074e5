import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Patch

from mmkd.visualization.sheet import make_grid, save_sheet, show_image


def plain(color, height=20, width=30):
    return np.full((height, width, 3), color, np.uint8)


def share(image, color):
    return (np.abs(image[..., :3] * 255 - color).max(-1) < 1).mean()


def test_sheet_shows_every_image(tmp_path):
    colors = [[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)], [(0, 250, 250), (250, 0, 250)]]
    save_sheet(tmp_path / 'sheet.png', [[plain(color) for color in row] for row in colors], ['a', 'b'])
    image = plt.imread(tmp_path / 'sheet.png')
    shares = [share(image, color) for row in colors for color in row]
    assert min(shares) > 0.08 and max(shares) - min(shares) < 0.02
    middle = image.shape[1] // 2
    assert share(image[:, :middle], (250, 0, 0)) > 0 and share(image[:, middle:], (250, 0, 0)) == 0


def test_legend_takes_room_of_its_own(tmp_path):
    rows = [[plain((250, 0, 0))]]
    save_sheet(tmp_path / 'without.png', rows, ['a'])
    save_sheet(tmp_path / 'with.png', rows, ['a'], [Patch(facecolor=(0, 1, 0), label='name') for _ in range(4)])
    without, legend = (plt.imread(tmp_path / name) for name in ('without.png', 'with.png'))
    assert legend.shape[0] > without.shape[0] and share(legend, (0, 255, 0)) > 0
    assert (share(legend, (250, 0, 0)) * legend[..., 0].size) == pytest.approx(
        share(without, (250, 0, 0)) * without[..., 0].size, rel=0.15
    )


@pytest.mark.parametrize('rows', [[], [[plain(0)]], [[plain(0), plain(0), plain(0)]]])
def test_rows_must_fit_the_titles(tmp_path, rows):
    with pytest.raises(ValueError, match='one image per title'):
        save_sheet(tmp_path / 'sheet.png', rows, ['a', 'b'])


def test_only_the_first_row_has_titles():
    figure, axes = make_grid(2, 1, 1.0, [])
    show_image(axes[0, 0], plain(0), 'input')
    show_image(axes[1, 0], plain(0))
    assert [axis.get_title() for axis in axes[:, 0]] == ['input', ''] and len(figure.axes) == 2
