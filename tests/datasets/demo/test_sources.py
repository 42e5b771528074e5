import itertools
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mmkd.datasets.demo import sources
from mmkd.datasets.demo.sources import CLASSES, PHOTOGRAPHS, SPLITS, load_sources


def test_no_photograph_and_no_digit_belongs_to_two_splits():
    loaded = {split: load_sources(split) for split in SPLITS}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not set(PHOTOGRAPHS[one]) & set(PHOTOGRAPHS[other])
        assert not set(np.concatenate(loaded[one].indices)) & set(np.concatenate(loaded[other].indices))
        pixels = [{digit.tobytes() for digit in np.concatenate(loaded[split].digits)} for split in (one, other)]
        assert not pixels[0] & pixels[1]


def test_splits_take_whole_blocks_and_every_digit_once():
    blocks = [np.sort(np.concatenate(load_sources(split).indices)) for split in SPLITS]
    assert all(np.array_equal(block, np.arange(block[0], block[-1] + 1)) for block in blocks)
    assert np.array_equal(np.concatenate(blocks), np.arange(len(load_digits().target)))


def test_digits_carry_their_label():
    digits = load_digits()
    loaded = load_sources('val')
    assert len(loaded.digits) == len(CLASSES)
    for label in range(10):
        assert (digits.target[loaded.indices[label]] == label).all()
        assert np.allclose(loaded.digits[label] * 16, digits.images[loaded.indices[label]])


@pytest.mark.parametrize(('package', 'module'), [('scikit-learn', 'sklearn.datasets'), ('scikit-image', 'skimage')])
def test_a_missing_package_names_the_command(monkeypatch, package, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=f'{package}.*pip install scikit-image scikit-learn'):
        load_sources('train')


def test_a_missing_photograph_is_named_and_not_fetched(monkeypatch):
    monkeypatch.setitem(sources.PHOTOGRAPHS, 'val', ('skin.jpg',))  # in skimage.data, but not in its wheel
    with pytest.raises(FileNotFoundError, match=r'photograph skin\.jpg'):
        load_sources('val')
