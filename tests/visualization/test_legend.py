import numpy as np
import pytest

from mmkd.visualization.legend import legend, present_classes
from mmkd.visualization.picture import ImagePicture

PALETTE = [[10, 20, 30], [200, 0, 0]]


def picture(**counts):
    numbers = {int(key[1:]): value for key, value in counts.items()}
    return ImagePicture('x', np.zeros((1, 1, 3), np.uint8), counts=numbers)


def test_classes_by_frequency_void_last():
    assert present_classes([picture(_255=9, _1=2, _0=1), picture(_0=3), picture()], 2) == [0, 1, 255]


def test_legend_names_what_occurs():
    entries = legend([1, 255, 0], ['sky', '_car'], PALETTE)
    # matplotlib leaves entries out whose name begins with an underscore
    assert [entry.get_label() for entry in entries] == ['sky', ' _car', 'void']
    assert entries[1].get_facecolor()[:3] == pytest.approx((200 / 255, 0, 0))
    assert entries[2].get_facecolor()[:3] == (1, 1, 1)


def test_long_legend_counts_the_rest():
    entries = legend(list(range(30)), [str(label) for label in range(30)], [[label] * 3 for label in range(30)])
    assert len(entries) == 25 and entries[-1].get_label() == 'and 6 more'
