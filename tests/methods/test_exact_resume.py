"""Every method on every task goes on from a checkpoint as if it had never stopped."""

import io

import torch
from mmengine.logging import MessageHub

from mmkd.hooks.random_state_hook import random_state, set_random_state
from tests.detectors import total
from tests.methods.every_method import batch_of, made

STEPS = 4


class Training:
    """A student, its optimizer and the steps that they have taken."""

    def __init__(self, case, teachers, seed):
        self.kind = case[2]
        self.model = made(case, teachers).train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), 1e-3, momentum=0.9)
        torch.manual_seed(seed)

    def run(self, begin, end):
        images, samples = batch_of(self.kind)
        for iteration in range(begin, end):
            MessageHub.get_current_instance().update_info_dict(dict(iter=iteration, max_iters=STEPS))
            total(self.model.loss(images * (1 + iteration), samples)).backward()
            # gradients are accumulated over two iterations
            if iteration % 2:
                self.optimizer.step()
                self.optimizer.zero_grad()

    def save(self):
        file = io.BytesIO()
        state = dict(model=self.model.state_dict(), optimizer=self.optimizer.state_dict(), random=random_state())
        torch.save(state, file)
        file.seek(0)
        return file

    def load(self, file):
        state = torch.load(file, weights_only=True)
        self.model.load_state_dict(state['model'], strict=True)
        self.optimizer.load_state_dict(state['optimizer'])
        set_random_state(state['random'])


def test_a_resumed_training_equals_a_straight_one_bit_for_bit(case, teachers):
    straight = Training(case, teachers, seed=5)
    straight.run(0, 2)
    file = straight.save()
    straight.run(2, STEPS)
    resumed = Training(case, teachers, seed=6)
    resumed.load(file)
    resumed.run(2, STEPS)
    expected, found = straight.model.state_dict(), resumed.model.state_dict()
    assert expected.keys() == found.keys()
    tensors = [key for key, value in expected.items() if isinstance(value, torch.Tensor)]
    assert [key for key in tensors if not torch.equal(expected[key], found[key])] == []
