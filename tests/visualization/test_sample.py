import numpy as np
import pytest
import torch

from mmkd.visualization.sample import Sample, draw_sample, sheet_rows

CLASSES, PALETTE = ['sky', 'car'], [[10, 20, 30], [200, 0, 0]]


def make_sample(teacher=True, **predictions):
    student = [torch.rand(1, 3, 8, 8), torch.rand(1, 3, 4, 4), torch.rand(1, 3, 2, 2)]
    return Sample(
        name='x',
        image=np.zeros((16, 16, 3), np.uint8),
        truth=np.array([[0, 1], [255, 1]]),
        predictions=predictions or {'net': np.array([[0, 0], [1, 1]])},
        student=student,
        teacher=[level * 2 + 1 for level in student] if teacher else [],
    )


def titles(figure):
    return [axis.get_title() for axis in figure.axes if axis.images]


def test_every_picture_of_a_distilling_model():
    figure = draw_sample(make_sample(), CLASSES, PALETTE)
    assert titles(figure)[:3] == ['input', 'truth', 'prediction\nnet']
    assert [title.split('\n')[0] for title in titles(figure)[3:6]] == [
        'stage 1, 8 × 8',
        'stage 2, 4 × 4',
        'stage 3, 2 × 2',
    ]
    assert len(titles(figure)) == 3 + 3 + 3
    assert [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()] == [
        'attention\nstudent',
        'attention\nself-teacher',
    ]
    pairs = [axis.images[0].get_clim() for axis in figure.axes if axis.images][3:]
    assert pairs[:3] == pairs[3:]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ['sky', 'car', 'void']


def test_plain_model_has_no_row_of_a_self_teacher():
    figure = draw_sample(make_sample(teacher=False), CLASSES, PALETTE)
    assert len(titles(figure)) == 3 + 3 and len(figure.axes) == 6


def test_second_model_has_a_picture_of_its_own():
    first, second = np.zeros((2, 2), int), np.ones((2, 2), int)
    figure = draw_sample(make_sample(plain=first, frskd=second), CLASSES, PALETTE)
    assert titles(figure)[:4] == ['input', 'truth', 'prediction\nplain', 'prediction\nfrskd']
    assert figure.axes[3].images[0].get_array()[0, 0].tolist() == [200, 0, 0]


def test_rows_of_the_sheet():
    rows, names = sheet_rows([make_sample(), make_sample()], PALETTE)
    assert names == ['input', 'truth', 'prediction\nnet'] and len(rows) == 2
    assert rows[1][1][1, 0].tolist() == [255, 255, 255]


def test_self_teacher_must_have_as_many_levels():
    sample = make_sample()
    sample.teacher = sample.teacher[:2]
    with pytest.raises(ValueError, match='shorter'):
        draw_sample(sample, CLASSES, PALETTE)
