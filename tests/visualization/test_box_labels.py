import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmkd.visualization.box_labels import draw_box_labels

RED = (1.0, 0.0, 0.0)


def axes(width=200, height=200):
    figure = Figure(figsize=(2, 2), dpi=100)
    FigureCanvasAgg(figure)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.imshow(np.zeros((height, width, 3)), extent=(0, width, height, 0))
    return axis


def write(axis, boxes, texts):
    written = draw_box_labels(axis, np.array(boxes, float), texts, [RED] * len(boxes))
    return written, {text.get_text(): text.get_window_extent() for text in axis.texts}


def test_texts_do_not_cover_each_other():
    same = [[50, 50, 150, 150]] * 3
    written, extents = write(axes(), same, [['one'], ['two'], ['three']])
    assert written == ['one', 'two', 'three']
    extents = list(extents.values())
    assert not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])


def test_a_text_without_room_is_shortened_and_then_left_out():
    _, extents = write(axes(), [[50, 50, 150, 150]], [['much too long for the width of this small picture', 'short']])
    assert list(extents) == ['short']
    crowd = [[90, 90, 110, 110]] * 30
    written, extents = write(axes(), crowd, [[f'box {number:02d}'] for number in range(30)])
    assert 1 < len(written) < 30 and written[0] == 'box 00' and set(extents) == set(written)


def test_texts_stay_within_the_picture():
    corners = [[0, 0, 20, 20], [180, 0, 200, 20], [0, 180, 20, 200], [180, 180, 200, 200]]
    axis = axes()
    written, extents = write(axis, corners, [['left top'], ['right top'], ['left bottom'], ['right bottom']])
    assert len(written) == 4
    room = axis.get_window_extent().padded(2.1)
    assert all(room.x0 <= extent.x0 and extent.x1 <= room.x1 for extent in extents.values())
    assert all(room.y0 <= extent.y0 and extent.y1 <= room.y1 for extent in extents.values())


def test_dollars_are_no_formula():
    _, extents = write(axes(), [[50, 50, 150, 150]], [['$unclosed_{']])
    assert list(extents) == ['$unclosed_{']
