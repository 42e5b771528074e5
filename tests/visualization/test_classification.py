import numpy as np
import torch
from matplotlib.figure import Figure
from mmpretrain.structures import DataSample

from mmkd.visualization.classification import OTHER, RIGHT, WRONG, ClassificationPainter

IMAGE = np.zeros((4, 4, 3), np.uint8)
CLASSES = ['cat', 'dog', 'fox', 'owl']


def painted(truth, scores, label=None, top=2):
    sample = DataSample() if truth is None else DataSample().set_gt_label(truth)
    prediction = DataSample().set_pred_score(torch.tensor(scores))
    if label is not None:
        prediction.set_pred_label(label)
    painter = ClassificationPainter(CLASSES, [(0, 0, 0)] * 4, top=top)
    return painter.paint(IMAGE, sample, dict(net=prediction))


def test_right():
    picture, bars = painted(1, [0.1, 0.6, 0.25, 0.05], 1)
    assert (picture.title, picture.note) == ('input', 'truth: dog')
    assert (bars.title, bars.note) == ('prediction\nnet', 'correct ✓')
    assert bars.names == ['dog', 'fox'] and bars.colors == [RIGHT, OTHER]
    np.testing.assert_allclose(bars.values, [0.6, 0.25])


def test_wrong_shows_the_truth_however_improbable():
    _, bars = painted(3, [0.1, 0.6, 0.25, 0.05], 1)
    assert bars.note == 'wrong ✗' and bars.names == ['dog', 'fox', 'owl'] and bars.colors == [WRONG, OTHER, RIGHT]


def test_several_labels():
    _, bars = painted([0, 2], [0.8, 0.6, 0.7, 0.1], [0, 1, 2], top=4)
    assert bars.note == 'wrong ✗' and bars.colors == [RIGHT, RIGHT, WRONG, OTHER]
    assert painted([0, 2], [0.8, 0.2, 0.7, 0.1], [2, 0])[1].note == 'correct ✓'


def test_without_truth_nothing_is_right_or_wrong():
    picture, bars = painted(None, [0.1, 0.6, 0.25, 0.05])
    assert picture.note == bars.note == '' and bars.colors == [OTHER, OTHER]


def test_more_classes_asked_for_than_there_are():
    assert len(painted(0, [0.1, 0.6, 0.25, 0.05], top=9)[1].names) == 4


def test_bars_are_as_long_as_the_probabilities_and_marked():
    axis = Figure().subplots()
    painted(3, [0.1, 0.6, 0.25, 0.05], 1)[1].draw(axis)
    lengths = [patch.get_width() for patch in axis.patches]
    np.testing.assert_allclose(lengths, [1, 1, 1, 0.6, 0.25, 0.05], rtol=1e-6)
    assert [text.get_text() for text in axis.texts] == ['dog ✗', '0.60', 'fox', '0.25', 'owl ✓', '0.05']
