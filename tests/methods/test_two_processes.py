"""Every method in two processes, without a search for unused parameters."""

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn.parallel import DistributedDataParallel

from tests.methods.every_method import ALL, METHODS, batch_of, made
from tests.processes import run_in_two

CASES = [(name, arguments, kind) for name, arguments, kinds in METHODS for kind in kinds if kind in ALL]
# Their terms are means over images. RKD, SimilarityPreserving, CIRKD, DIST and PKD relate the images of a process; MGD
# masks and TRG draws other positions in every process, and test_gather.py tells what MLKD and TRG relate across them.
SEPARABLE = ('AttentionTransfer', 'DKD', 'DRG', 'EKD', 'FRSKD', 'FeatureKD', 'LogitKD', 'SelfAttention')


def name_of(case):
    return f'{case[0]}-{case[2]}-{"-".join(map(str, case[1].values()))}'


def gradients(case, teachers, rank=None):
    """Gradients of two steps with the images of one process, or of all."""
    model = made(case, teachers).eval()
    # unused parameters are not searched for: the second step would wait for them
    runner = model if rank is None else DistributedDataParallel(model)
    images, samples = batch_of(case[2])
    half = len(samples) // 2
    own = slice(None) if rank is None else slice(half * rank, half * (rank + 1))
    for iteration in range(2):
        MessageHub.get_current_instance().update_info_dict(dict(iter=iteration, max_iters=2))
        torch.manual_seed(iteration)
        losses = runner(images[own], samples[own], mode='loss')
        model.parse_losses(losses)[0].backward()
    return {key: parameter.grad for key, parameter in model.named_parameters()}


def work(rank, teachers):
    return {name_of(case): gradients(case, teachers, rank) for case in CASES}


@pytest.fixture(scope='module')
def processes(tmp_path_factory, teachers):
    return run_in_two(work, tmp_path_factory.mktemp('processes'), teachers)


@pytest.mark.parametrize('case', CASES, ids=name_of)
def test_both_processes_get_the_same_gradients(case, processes):
    own, other = (process[name_of(case)] for process in processes)
    assert all(gradient is not None and gradient.isfinite().all() for gradient in own.values())
    assert [key for key in own if not torch.equal(own[key], other[key])] == []


@pytest.mark.parametrize(
    'case', [case for case in CASES if case[0] in SEPARABLE and case[2] == 'classification'], ids=name_of
)
def test_gradients_are_those_of_one_process_with_the_joint_batch(case, processes, teachers):
    expected = gradients(case, teachers)
    for key, gradient in expected.items():
        largest = max(gradient.abs().max().item(), 1e-6)
        difference = (processes[0][name_of(case)][key] - gradient).abs().max().item()
        assert difference <= 1e-4 * largest, (key, difference, largest)
