import random

import numpy as np
import torch

from mmkd.hooks.random_state_hook import _RestoringIterator, random_state, set_random_state


def draw():
    return random.random(), np.random.rand(), np.random.randn(), torch.rand(1).item()


def test_a_state_that_was_saved_and_loaded_gives_the_same_numbers(tmp_path):
    draw()
    torch.save(random_state(), tmp_path / 'state.pth')
    first = draw()
    draw()
    set_random_state(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert draw() == first


class Batches:
    """Draws a random number per batch, as a data loader without workers does."""

    def __iter__(self):
        return self

    def __next__(self):
        return random.random()


class SkippingBatches(Batches):
    """The fork's iterator: it skips without drawing."""

    def skip_iter(self, count):
        self.skipped = count


def test_the_state_is_set_once_the_past_is_skipped():
    state, expected = random_state(), random.random()
    random.random()
    batches = SkippingBatches()
    fork = _RestoringIterator(batches, 0, 3, state)
    fork.skip_iter(3)
    assert next(fork) == expected and batches.skipped == 3


def test_the_state_is_set_once_the_past_is_drawn_one_by_one():
    state, expected = random_state(), [random.random(), random.random()]
    random.random()
    original = _RestoringIterator(Batches(), 0, 3, state)
    for _ in range(3):
        next(original)
    assert [next(original), next(original)] == expected


def test_batches_of_workers_are_drawn_again():
    batches = SkippingBatches()
    fork = _RestoringIterator(batches, 2, 3, random_state())
    before = random.getstate()
    fork.skip_iter(3)
    assert not hasattr(batches, 'skipped') and random.getstate() != before
