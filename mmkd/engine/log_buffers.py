"""Let the original mmengine read the checkpoints that it wrote, which torch >= 2.6 refuses."""

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import scheduler
from mmengine.optim.scheduler.param_scheduler import _ParamScheduler
from mmengine.runner import checkpoint

from mmkd.engine.safe_load import Global, numpy_globals


def accept_log_buffers() -> None:
    """Make log buffers and schedulers, which mmengine writes beside the weights, readable by a weights-only load.

    Since torch 2.6, ``torch.load`` refuses every object that it does not know. The original mmengine does not name its
    own, so that neither resuming nor testing would read a checkpoint of a training. They are named here, and nothing
    else: a checkpoint still cannot run code. mmengine's fork has a loader of its own and is left alone.
    """
    if not hasattr(checkpoint, '_safe_torch_load'):
        torch.serialization.add_safe_globals([*numpy_globals(), *_written_by_mmengine()])


def _written_by_mmengine() -> list[Global]:
    kinds = filter(inspect.isclass, vars(scheduler).values())
    schedulers = [kind for kind in kinds if issubclass(kind, _ParamScheduler)]
    # A method is written as getattr(class, name); the name of the module is that of Python 2 in torch's files.
    getters: list[tuple[Callable, str]] = [(_method, f'{module}.getattr') for module in ('builtins', '__builtin__')]
    return [HistoryBuffer, *schedulers, *getters]


def _method(owner: Any, name: str) -> Callable:
    """A method of log buffers or schedulers, where the real getattr would lead on to anything in memory."""
    known = inspect.isclass(owner) and issubclass(owner, HistoryBuffer | _ParamScheduler)
    if not known or name.startswith('__') or not inspect.isfunction(getattr(owner, name, None)):
        raise pickle.UnpicklingError(f'unrecognized function {name!r} of {owner!r}')
    return getattr(owner, name)
