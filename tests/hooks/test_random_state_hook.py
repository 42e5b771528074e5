import random

import numpy as np
import torch

from mmkd.hooks.random_state_hook import random_state, set_random_state


def draw():
    return random.random(), np.random.rand(), np.random.randn(), torch.rand(1).item()


def test_a_state_that_was_saved_and_loaded_gives_the_same_numbers(tmp_path):
    draw()
    torch.save(random_state(), tmp_path / 'state.pth')
    first = draw()
    draw()
    set_random_state(torch.load(tmp_path / 'state.pth', weights_only=True))
    assert draw() == first
