import numpy as np
import pytest

from mmkd.visualization.segmentation import draw_segmentation, legend, present_classes

PALETTE = [[10, 20, 30], [200, 0, 0]]


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


def test_present_classes_by_frequency_void_last():
    assert present_classes([np.array([[255, 255, 255], [1, 1, 0]]), np.array([1])]) == [1, 0, 255]


def test_legend_names_what_occurs():
    entries = legend([1, 255, 0], ['sky', 'car'], PALETTE)
    assert [entry.get_label() for entry in entries] == ['sky', 'car', 'void']
    assert entries[1].get_facecolor()[:3] == pytest.approx((200 / 255, 0, 0))
    assert entries[2].get_facecolor()[:3] == (1, 1, 1)


def test_long_legend_counts_the_rest():
    entries = legend(list(range(30)), [str(label) for label in range(30)], [[label] * 3 for label in range(30)])
    assert len(entries) == 25 and entries[-1].get_label() == 'and 6 more'
