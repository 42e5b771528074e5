import subprocess
import sys

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope

from mmkd.datasets.long_tailed import LongTailed, long_tail
from tests.runs import ROOT, config_of, train
from tests.students import classifier

METAINFO = dict(classes=tuple('abcde'), origin='made up')


def balanced(classes=10, images=50):
    """Labels of a balanced data set, shuffled."""
    return np.random.default_rng(1).permutation(np.repeat(np.arange(classes), images))


def sizes(labels, *arguments, classes=10, seed=0):
    return np.bincount(labels[long_tail(labels, classes, *arguments, seed)], minlength=classes).tolist()


class Listed:
    """A data set as long as a list of labels."""

    def __init__(self, labels):
        self.metainfo = dict(METAINFO)
        self.labels = labels
        self.read = False

    def full_init(self):
        self.read = True

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return dict(index=index, label=self.labels[index])

    def get_data_info(self, index):
        return dict(gt_label=self.labels[index]) if self.labels[index] is not None else {}

    def get_cat_ids(self, index):
        return [self.labels[index]]


def test_the_sizes_of_cifar100_lt():
    counts = sizes(balanced(100, 500), 100, classes=100)
    assert counts[0] == 500 and counts[99] == 5 and sum(counts) == 10847
    assert counts == sorted(counts, reverse=True)
    assert sum(sizes(balanced(10, 5000), 100)) == 12406  # CIFAR-10-LT


def test_sizes_by_hand():
    # 16, 16 / 4^(1/2), 16 / 4
    assert sizes(balanced(3, 16), 4, classes=3) == [16, 8, 4]
    assert sizes(balanced(2, 500), 100, classes=2) == [500, 5]
    assert sizes(balanced(3, 16), 1, classes=3) == [16, 16, 16]
    assert sizes(balanced(1, 16), 100, classes=1) == [16]


def test_every_class_keeps_an_image_and_none_gets_more_than_it_has():
    assert sizes(balanced(2, 10), 1000, classes=2) == [10, 1]
    assert sizes(np.repeat([0, 1, 2], [2, 16, 16]), 4, classes=3) == [2, 8, 4]
    assert sizes(np.repeat([0, 2], [4, 4]), 1, classes=3) == [4, 0, 4]


def test_what_is_kept_follows_the_seed_alone():
    labels = balanced()
    np.random.seed(3)
    kept = long_tail(labels, 10, 10, 5)
    np.random.seed(4)
    assert np.array_equal(kept, long_tail(labels, 10, 10, 5))
    other = long_tail(labels, 10, 10, 6)
    assert len(kept) == len(other) and not np.array_equal(kept, other)
    assert np.all(np.diff(kept) > 0)


def test_it_is_a_data_set():
    labels = np.repeat(np.arange(5), 16).tolist()
    whole = Listed(labels)
    tail = LongTailed(whole, imbalance_factor=16, seed=2)
    assert whole.read and len(tail) == 16 + 8 + 4 + 2 + 1
    assert tail.metainfo == METAINFO and tail.metainfo is not whole.metainfo
    assert tail.get_gt_labels().tolist() == [labels[index] for index in tail.indices]
    for index in (0, 20, 30, -1):
        assert tail[index] == dict(index=tail.indices[index], label=tail.get_gt_labels()[index])
        assert tail.get_cat_ids(index) == [tail.get_data_info(index)['gt_label']] == [tail[index]['label']]


def test_it_may_be_read_later():
    whole = Listed([0, 0, 1, 1])
    tail = LongTailed(whole, lazy_init=True)
    assert not whole.read
    assert len(tail) == 3 and whole.read


def test_a_training_on_a_data_set_of_mmpretrain(tmp_path):
    config = config_of(tmp_path, classifier(), 1, 'classification')
    whole = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='mmkd.LongTailed', dataset=whole, imbalance_factor=2)
    config.train_dataloader.num_workers = 1
    config.custom_hooks = [dict(type='mmkd.ClassCountHook')]
    runner = train(config)
    tail = runner.train_dataloader.dataset
    init_default_scope('mmpretrain')
    # the random images have 2, 1, 1, 1, 1 of five classes
    assert np.bincount(DATASETS.build(whole).get_gt_labels()).tolist() == [2, 1, 1, 1, 1]
    assert np.bincount(tail.get_gt_labels()).tolist() == [2, 1, 1, 1, 1] and len(tail.metainfo['classes']) == 5


@pytest.mark.parametrize('labels', [[[0, 1], [1]], [[0, 1], [1, 2]], [0.5, 1.0], [None, 1], ['a', 'b']])
def test_other_labels_than_one_class_per_image_are_refused(labels):
    with pytest.raises(TypeError, match='given a Listed, but one class per image is needed'):
        LongTailed(Listed(labels))


@pytest.mark.parametrize('factor', [0.5, 0, -1, float('nan')])
def test_a_head_smaller_than_the_tail_is_refused(factor):
    with pytest.raises(ValueError, match=r'imbalance_factor=.*, but it must be at least 1'):
        LongTailed(Listed([0, 1]), imbalance_factor=factor)


def test_importing_it_imports_no_toolbox():
    toolboxes = '("mmpretrain", "mmdet", "mmseg")'
    code = f'import sys, mmkd.datasets; print([name for name in sys.modules if name in {toolboxes}])'
    found = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == '[]'
