import gc

import torch
from torch import nn

from mmkd.profiling.memory import no_garbage, peak_bytes, resident_bytes, saved_bytes
from tests.profiling.tiny import tiny_subject


def test_peak_is_the_most_that_is_held_at_a_time():
    def step():
        first, second = torch.empty(1000), torch.empty(500)
        del first
        third = torch.empty(1100)
        assert third.numel() > second.numel()

    # 4000 + 2000 bytes, then 2000 + 4400
    assert peak_bytes(step, 'cpu') == 6400


def test_peak_is_the_same_each_time_and_counts_the_backward_pass():
    weight = torch.ones(1000, requires_grad=True)

    def step():
        (weight * weight).sum().backward()
        weight.grad = None

    found = {peak_bytes(step, 'cpu') for _ in range(3)}
    # at least the gradient of the product for each factor, 4000 bytes each
    assert len(found) == 1 and found.pop() >= 8000


def test_saved_bytes_count_every_storage_once_and_no_parameter():
    model = nn.Linear(10, 4)
    inputs = torch.rand(8, 10)

    def step():
        hidden = model(inputs).exp()
        (hidden * hidden).sum().backward()

    # the layer keeps its input (320 bytes); the exponential its result, which the product keeps again (128 bytes)
    assert saved_bytes(step, model) == 320 + 128


def test_saved_bytes_change_no_gradient():
    model = nn.Linear(10, 4)
    inputs = torch.rand(8, 10)

    def gradient():
        model.zero_grad()
        model(inputs).exp().square().sum().backward()
        return model.weight.grad.clone()

    plain = gradient()
    saved_bytes(gradient, model)
    assert torch.equal(model.weight.grad, plain)


def test_resident_bytes_are_parameters_buffers_and_optimizer_state():
    subject = tiny_subject('adam')
    assert resident_bytes(subject.model, subject.optim_wrapper) == 160
    subject.ready()()
    # two moments of 160 bytes and the count of steps
    assert resident_bytes(subject.model, subject.optim_wrapper) == 3 * 160 + 4
    subject.model.register_buffer('mean', torch.zeros(5))
    assert resident_bytes(subject.model, subject.optim_wrapper) == 3 * 160 + 4 + 20


def test_garbage_collection_goes_on_afterwards():
    with no_garbage():
        assert not gc.isenabled()
    assert gc.isenabled()
