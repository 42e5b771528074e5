"""EKD in two processes trains as in one with the joint batch."""

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn.parallel import DistributedDataParallel

from tests.methods.self_taught import BATCHES
from tests.processes import run_in_two
from tests.students import SCOPES, STUDENTS, build, distilling
from tests.subnets import dynamic_student

LATER = dict(type='Ramp', begin=5, end=6, by_epoch=False)
MODES = dict(joint={}, lean=dict(lean=True), random=dict(sample='random:1'), later=dict(weight=LATER))
CASES = [(task, mode) for task in STUDENTS for mode in MODES]


def gradients(task, mode, rank=None):
    """Gradients of all parameters, of the images of one process or of all."""
    arguments = dict(MODES[mode])
    if task == 'detection':
        # Locations count by the confidence of the full net, in a mean over a process.
        arguments['logit_weight'] = 0.0
    config = dynamic_student(task, r10=(1, 1, 1, 1), r14=(2, 1, 2, 1))
    model = build(distilling(config, dict(ekd=dict(type='mmkd.EKD', **arguments))), SCOPES[task])
    # Batch statistics are those of a process by design; with fixed ones, images meet in the losses alone.
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.backbone.parameters():
            generator = torch.Generator().manual_seed(parameter.numel())
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    MessageHub.get_current_instance().update_info_dict(dict(iter=0, max_iters=10))
    images, samples = BATCHES[task]()
    half = len(samples) // 2
    own = slice(None) if rank is None else slice(half * rank, half * (rank + 1))
    # unused parameters are not searched for
    runner = model if rank is None else DistributedDataParallel(model)
    losses = runner(images[own].double(), samples[own], mode='loss')
    model.parse_losses(losses)[0].backward()
    return {key: parameter.grad for key, parameter in model.named_parameters()}


def work(rank):
    return {case: gradients(*case, rank) for case in CASES}


@pytest.fixture(scope='module')
def processes(tmp_path_factory):
    return run_in_two(work, tmp_path_factory.mktemp('processes'))


@pytest.mark.parametrize('case', CASES, ids='-'.join)
def test_gradients_are_those_of_one_process(case, processes):
    expected = gradients(*case)
    assert any(gradient.any() for key, gradient in expected.items() if 'backbone.layer' in key)
    for key, gradient in expected.items():
        assert torch.equal(*(process[case][key] for process in processes)), key
        torch.testing.assert_close(processes[0][case][key], gradient, rtol=1e-6, atol=1e-9, msg=key)
