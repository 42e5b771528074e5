import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.patches import Patch

from mmkd.visualization.classification import BarPicture
from mmkd.visualization.picture import ImagePicture
from mmkd.visualization.sheet import Row, make_figure, save_sheet, to_rgb
from mmkd.visualization.title import write_title


def plain(color, title='a', height=20, width=30, note=''):
    return ImagePicture(title, np.full((height, width, 3), color, np.uint8), note=note)


def share(image, color):
    return (np.abs(image[..., :3] * 255 - color).max(-1) < 1).mean()


def save(file, rows, legend=()):
    save_sheet(file, rows, legend)
    return plt.imread(file)


def test_sheet_shows_every_image(tmp_path):
    colors = [[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)], [(0, 250, 250), (250, 0, 250)]]
    image = save(tmp_path / 'sheet.png', [[plain(color) for color in row] for row in colors])
    shares = [share(image, color) for row in colors for color in row]
    assert min(shares) > 0.1 and max(shares) - min(shares) < 0.02
    middle = image.shape[1] // 2
    assert share(image[:, :middle], (250, 0, 0)) > 0 and share(image[:, middle:], (250, 0, 0)) == 0


def test_legend_takes_room_of_its_own(tmp_path):
    rows = [[plain((250, 0, 0))]]
    without = save(tmp_path / 'a.png', rows)
    legend = save(tmp_path / 'b.png', rows, [Patch(facecolor=(0, 1, 0), label='name') for _ in range(4)])
    assert legend.shape[0] > without.shape[0] and share(legend, (0, 255, 0)) > 0
    area = share(without, (250, 0, 0)) * without[..., 0].size
    assert share(legend, (250, 0, 0)) * legend[..., 0].size == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize('rows', [[], [[plain(0), plain(0)], [plain(0)]]])
def test_rows_must_have_as_many_pictures(tmp_path, rows):
    with pytest.raises(ValueError, match='at least one row, and as many pictures in each'):
        save_sheet(tmp_path / 'sheet.png', rows)


def test_every_row_has_its_notes_and_the_first_the_titles(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr('mmkd.visualization.sheet.write_title', lambda axis, title: written.append(title))
    save_sheet(tmp_path / 'sheet.png', [[plain(0, 'input', note='one')], [plain(0, 'input', note='two')]])
    assert written == ['input\none', 'two']


def test_a_long_sheet_ends_before_the_png_becomes_too_high(tmp_path):
    assert save(tmp_path / 'sheet.png', [[plain(0, height=60)]] * 300).shape[0] < 2**16


def test_bars_have_room_beside_a_wide_image(tmp_path):
    bars = BarPicture('b', ['name'] * 6, [0.1] * 6, ['r'] * 6)
    flat = save(tmp_path / 'a.png', [[plain(0, height=10, width=300)]])
    assert save(tmp_path / 'b.png', [[plain(0, height=10, width=300), bars]]).shape[0] > flat.shape[0] + 60


def boxes_of(figure, axes):
    texts = [axis.title for row in axes for axis in row] + figure.texts
    return [text.get_window_extent() for text in texts if text.get_text()], [
        axis.get_window_extent() for row in axes for axis in row
    ]


@pytest.mark.parametrize('rows', [2, 7])
def test_titles_and_names_cover_nothing(rows):
    layout = [Row(3, 1.2, 1.0, lines=2, name='attention\nself-teacher', scale=('magma', ('0', 'largest')))] * rows
    figure, axes = make_figure(layout, [Patch(label=f'class {number}') for number in range(24)])
    for axis in (axis for row in axes for axis in row):
        write_title(axis, 'level 10, 100 × 99\n0 to 0.0000123')
    to_rgb(figure)
    titles, pictures = boxes_of(figure, axes)
    everything = [*titles, *pictures, *(legend.get_window_extent() for legend in figure.legends)]
    assert not any(a.overlaps(b) for i, a in enumerate(everything) for b in everything[:i])
    width, height = figure.get_size_inches() * figure.dpi
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in everything)


def test_pixels_of_a_figure():
    figure, axes = make_figure([Row(1, 1.0, 0.5)])
    plain((250, 0, 0), height=10, width=20).draw(axes[0][0])
    image = to_rgb(figure)
    assert image.dtype == np.uint8 and image.shape[2] == 3 and image.flags['C_CONTIGUOUS']
    assert (image == (250, 0, 0)).all(-1).mean() > 0.5
