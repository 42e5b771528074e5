"""Distilling students whose parameters are sharded over processes by FSDP."""

import pytest
import torch
from torch.distributed.fsdp import FullyShardedDataParallel, StateDictType
from torch.nn.parallel import DistributedDataParallel

from tests.processes import run_in_two
from tests.students import FRSKD, build, distilling, segmentation_batch, segmentor
from tests.subnets import dynamic_student

METHODS = dict(frskd=dict(FRSKD), ekd=dict(type='mmkd.EKD'), lean=dict(type='mmkd.EKD', lean=True))


def trained(name, rank, sharded):
    """The weights after two steps, whole."""
    student = segmentor() if name == 'frskd' else dynamic_student('segmentation')
    model = build(distilling(student, dict(method=METHODS[name]))).eval()
    if sharded:
        runner = FullyShardedDataParallel(model, device_id=torch.device('cpu'), use_orig_params=True)
    else:
        runner = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(runner.parameters(), 0.1, momentum=0.9)
    images, samples = segmentation_batch(batch=4)
    own = slice(2 * rank, 2 * rank + 2)
    for _ in range(2):
        torch.manual_seed(0)
        losses = runner(images[own], samples[own], mode='loss')
        model.parse_losses(losses)[0].backward()
        optimizer.step()
        optimizer.zero_grad()
    if not sharded:
        return model.state_dict()
    with FullyShardedDataParallel.state_dict_type(runner, StateDictType.FULL_STATE_DICT):
        return runner.state_dict()


def work(rank):
    return {(name, sharded): trained(name, rank, sharded) for name in METHODS for sharded in (False, True)}


@pytest.fixture(scope='module')
def processes(tmp_path_factory):
    return run_in_two(work, tmp_path_factory.mktemp('processes'))


@pytest.mark.parametrize('name', list(METHODS))
def test_sharded_training_equals_replicated_training(name, processes):
    replicated, sharded = (processes[0][name, kind] for kind in (False, True))
    assert replicated.keys() == sharded.keys()
    assert any(key.startswith('distill.') for key in sharded)
    for key, value in replicated.items():
        torch.testing.assert_close(sharded[key], value, rtol=1e-6, atol=1e-7, msg=key)
