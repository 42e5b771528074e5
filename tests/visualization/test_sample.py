import numpy as np
import pytest
import torch

from mmkd.visualization.attention import Stage
from mmkd.visualization.features import Attention
from mmkd.visualization.picture import ImagePicture
from mmkd.visualization.sample import Sample, draw_sample
from mmkd.visualization.sheet import to_rgb

CLASSES, PALETTE = ['sky', 'car'], [[10, 20, 30], [200, 0, 0]]


def make_sample(teacher=True, stages=3, size=(16, 16), pictures=('input', 'truth', 'prediction\nnet')):
    levels = [Stage(f'stage {i + 1}', torch.rand(8, 8), torch.rand(8, 8) if teacher else None) for i in range(stages)]
    images = [ImagePicture(title, np.zeros((*size, 3), np.uint8), counts={0: 1, 255: 3}) for title in pictures]
    return Sample('x', images, Attention(size, levels))


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.get_title()]


def texts(figure):
    return [text.get_text() for text in figure.texts]


def test_every_picture_of_a_distilling_model():
    figure = draw_sample(make_sample(), CLASSES, PALETTE)
    assert titles(figure)[:3] == ['input', 'truth', 'prediction\nnet']
    assert [title.split('\n')[0] for title in titles(figure)[3:6]] == [f'stage {i}, 8 × 8' for i in (1, 2, 3)]
    assert len(titles(figure)) == 3 + 3 + 3 and sum(bool(axis.images) for axis in figure.axes) == 3 + 9 + 3
    assert texts(figure) == ['attention\nstudent', 'attention\nself-teacher', 'teacher\n− student']
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['sky', 'void']


def test_plain_model_has_no_row_of_a_self_teacher():
    figure = draw_sample(make_sample(teacher=False), CLASSES, PALETTE)
    assert len(titles(figure)) == 3 + 3 and texts(figure) == ['attention\nstudent']


def test_an_external_teacher_has_its_own_name():
    sample = make_sample()
    sample.attention.teacher = 'teacher'
    assert 'attention\nteacher' in texts(draw_sample(sample, CLASSES, PALETTE))


def test_a_network_without_maps_has_its_pictures_only():
    figure = draw_sample(make_sample(stages=0), CLASSES, PALETTE)
    assert len(titles(figure)) == 3 and texts(figure) == []


@pytest.mark.parametrize('stages', [2, 7])
@pytest.mark.parametrize('size', [(20, 90), (90, 20), (33, 47)])
@pytest.mark.parametrize('names', [('input',), ('input', 'truth', 'prediction\na_long_name_of_a_config_512x512', 'b')])
def test_nothing_covers_anything(stages, size, names):
    figure = draw_sample(make_sample(stages=stages, size=size, pictures=names), CLASSES, PALETTE)
    to_rgb(figure)
    boxes = [axis.title.get_window_extent() for axis in figure.axes if axis.get_title()]
    boxes += [axis.get_window_extent() for axis in figure.axes] + [text.get_window_extent() for text in figure.texts]
    boxes += [label.get_window_extent() for axis in figure.axes for label in axis.get_yticklabels()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    width, height = figure.get_size_inches() * figure.dpi
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)


def test_an_overview_keeps_small_pictures_and_no_maps():
    sample = make_sample(size=(1000, 2000)).reduced()
    assert sample.attention is None
    assert max(sample.pictures[0].image.shape) <= 480 and sample.pictures[0].size == (1000, 2000)
