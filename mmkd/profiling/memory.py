"""Bytes that a training step takes, counted exactly."""

import gc
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile

# Without a GPU its tracer prints an error that means nothing here.
os.environ.setdefault('KINETO_LOG_LEVEL', '5')


def peak_bytes(step: Callable[[], Any], device: str) -> int:
    """The most memory that a step holds at a time beyond what was held before it.

    On a GPU this is ``torch.cuda.max_memory_allocated``. On a CPU it is the same number of torch's CPU allocator: the
    profiler reports every allocation and release, temporary buffers inside kernels included.
    """
    with no_garbage():
        return _peak_on_gpu(step) if device == 'cuda' else _peak_on_cpu(step)


def saved_bytes(step: Callable[[], Any], model: nn.Module) -> int:
    """Bytes that the forward pass keeps for the backward pass, each storage once, the model's own tensors left out."""
    own = {_address(tensor) for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        tensor = tensor.detach()
        if _address(tensor) not in own:
            # Held until the step is over, so that no address is given out twice.
            kept.setdefault(_address(tensor), tensor)
        return tensor

    with no_garbage(), saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    return _total(kept.values())


def resident_bytes(model: nn.Module, optim_wrapper: OptimWrapper) -> int:
    """Bytes that are held between two steps: parameters, buffers and the state of the optimizer."""
    state = [
        value
        for entry in optim_wrapper.optimizer.state.values()
        for value in entry.values()
        if isinstance(value, Tensor)
    ]
    return _total({_address(tensor): tensor for tensor in (*model.parameters(), *model.buffers(), *state)}.values())


@contextmanager
def no_garbage() -> Iterator[None]:
    """A context in which the garbage collector, which frees tensors at any time, does not run."""
    gc.collect()
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _peak_on_gpu(step: Callable[[], Any]) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _peak_on_cpu(step: Callable[[], Any]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        step()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'trace.json'
        profiler.export_chrome_trace(str(file))
        events = json.loads(file.read_text())['traceEvents']
    changes = sorted((event['ts'], event['args']['Bytes']) for event in events if event['name'] == '[memory]')
    held = peak = 0
    for _, change in changes:
        held += change
        peak = max(peak, held)
    return peak


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _total(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)
