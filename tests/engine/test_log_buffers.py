"""Checkpoints of a training under an mmengine that leaves reading them to torch, as the original does."""

import pickle

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OneCycleLR
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import checkpoint

from mmkd.engine.log_buffers import accept_log_buffers
from mmkd.engine.safe_load import load_safely


@pytest.fixture
def original(monkeypatch):
    """The fork's loader away, and torch's list of accepted objects emptied before and after."""
    monkeypatch.delattr(checkpoint, '_safe_torch_load', raising=False)
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()


class Calls:
    """An object whose unpickling calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.fixture
def written(tmp_path):
    """What mmengine's runner writes beside the weights."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    schedule = OneCycleLR(optimizer, eta_max=0.1, total_steps=9)
    buffer = HistoryBuffer([1.0, 3.0], [1, 1])
    torch.save(
        dict(
            state_dict=dict(weight=parameter.data),
            message_hub=dict(log_scalars=dict(loss=buffer)),
            param_schedulers=[schedule.state_dict()],
        ),
        tmp_path / 'a.pth',
    )
    return tmp_path / 'a.pth'


def test_the_original_reads_its_own_checkpoints(original, written):
    with pytest.raises(pickle.UnpicklingError):
        torch.load(written, weights_only=True)
    accept_log_buffers()
    loaded = torch.load(written, weights_only=True)
    assert loaded['state_dict']['weight'].tolist() == [1, 1]
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 2
    assert loaded['param_schedulers'][0]['anneal_func'] is OneCycleParamScheduler._annealing_cos


def test_safe_loading_reads_them_too(original, written):
    accept_log_buffers()
    assert load_safely(written)['state_dict']['weight'].tolist() == [1, 1]
    # and leaves what was accepted
    assert torch.load(written, weights_only=True)['message_hub']['log_scalars']['loss'].mean() == 2


@pytest.mark.parametrize(
    'evil',
    [
        Calls(getattr, HistoryBuffer, '__init__'),
        Calls(getattr, Calls(getattr, HistoryBuffer, 'mean'), '__globals__'),
        Calls(getattr, HistoryBuffer, '_statistics_methods'),
        Calls(getattr, torch.Tensor, 'tolist'),
    ],
)
def test_no_way_leads_from_log_buffers_to_other_objects(original, tmp_path, evil):
    accept_log_buffers()
    torch.save(evil, tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match=r'unrecognized function|Unsupported global'):
        torch.load(tmp_path / 'a.pth', weights_only=True)


def test_the_fork_is_left_alone(monkeypatch):
    monkeypatch.setattr(checkpoint, '_safe_torch_load', print, raising=False)
    before = list(torch.serialization.get_safe_globals())
    accept_log_buffers()
    assert list(torch.serialization.get_safe_globals()) == before
