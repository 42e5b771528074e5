import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, PixelData

from mmkd.visualization.segmentation import SegmentationPainter, draw_segmentation

PALETTE = [[10, 20, 30], [200, 0, 0]]


def sample(**labels):
    return BaseDataElement(**{key: PixelData(data=torch.tensor([value])) for key, value in labels.items()})


def test_colours_and_white_void():
    image = draw_segmentation(np.array([[0, 1], [255, 1]]), PALETTE)
    assert image.dtype == np.uint8
    assert image.tolist() == [[[10, 20, 30], [200, 0, 0]], [[255, 255, 255], [200, 0, 0]]]


def test_void_may_be_another_label():
    assert draw_segmentation(np.array([[2, 0]]), PALETTE, void=2).tolist() == [[[255, 255, 255], [10, 20, 30]]]
    assert draw_segmentation(np.array([[0, 1]]), PALETTE, void=0).tolist() == [[[255, 255, 255], [200, 0, 0]]]


def test_unknown_label_is_one_sentence():
    with pytest.raises(ValueError, match=r'labels \[7\], but the palette has 2 colours and void is 255'):
        draw_segmentation(np.array([[7]]), PALETTE)


def test_input_truth_and_every_prediction():
    painter = SegmentationPainter(['a', 'b'], PALETTE)
    truth = sample(gt_sem_seg=[[0, 1], [255, 1]])
    models = dict(one=sample(pred_sem_seg=[[0, 0], [0, 0]]), two=sample(pred_sem_seg=[[1, 1], [1, 1]]))
    pictures = painter.paint(np.zeros((2, 2, 3), np.uint8), truth, models)
    assert [picture.title for picture in pictures] == ['input', 'truth', 'prediction\none', 'prediction\ntwo']
    assert [picture.counts for picture in pictures] == [{}, {0: 1, 1: 2, 255: 1}, {0: 4}, {1: 4}]
    assert pictures[3].image[0, 0].tolist() == [200, 0, 0] and not pictures[3].smooth


def test_without_truth_there_is_no_picture_of_it_and_the_command_may_insist():
    painter = SegmentationPainter(['a', 'b'], PALETTE)
    pictures = painter.paint(np.zeros((2, 2, 3), np.uint8), sample(), {'': sample(pred_sem_seg=[[0]])})
    assert [picture.title for picture in pictures] == ['input', 'prediction']
    with pytest.raises(ValueError, match="no label map for 'x': add LoadAnnotations"):
        painter.require_truth(sample(), 'x')


def test_another_kind_of_prediction_is_refused():
    with pytest.raises(TypeError, match='A Linear gives no pred_sem_seg'):
        SegmentationPainter(['a', 'b'], PALETTE).require_prediction(sample(), torch.nn.Linear(1, 1))
