from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmkd.engine.device import processes, use_device, without_sync_bn


def test_sync_bn_becomes_bn_everywhere():
    config = dict(backbone=dict(norm_cfg=dict(type='SyncBN', eps=1e-3)), heads=[dict(norm_cfg=dict(type='SyncBN'))])
    assert without_sync_bn(config) == dict(
        backbone=dict(norm_cfg=dict(type='BN', eps=1e-3)), heads=[dict(norm_cfg=dict(type='BN'))]
    )


def test_a_missing_gpu_is_explained(monkeypatch):
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert use_device(None) == 'cpu'
    with pytest.raises(ValueError, match='torch sees no GPU here'):
        use_device('cuda')


def threads():
    return len(list(Path('/proc/self/task').iterdir()))


def test_no_thread_of_the_process_group_outlives_it(monkeypatch):
    # a process whose gloo threads still run when it exits is aborted at times
    for name, value in dict(RANK=0, WORLD_SIZE=1, LOCAL_RANK=0, MASTER_ADDR='localhost', MASTER_PORT=0).items():
        monkeypatch.setenv(name, str(value))
    counts = []
    for _ in range(2):
        with processes(Config(dict(model={})), 'pytorch', 'cpu'):
            wrapped = [torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))]
            wrapped.append(wrapped)
            del wrapped
            counts.append(threads())
        counts.append(threads())
    # what torch starts once and keeps is there after the first group
    _, before, during, after = counts
    assert after <= before < during
