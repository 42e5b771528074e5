"""Run on a chosen device, alone or in several processes, also where mmengine expects GPUs."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config

from mmkd.engine.strategies import DEEPSPEED, prepare_strategy, strategy_of

DEVICES = ('cpu', 'cuda')


def use_device(device: str | None) -> str:
    """Make mmengine use a device. Call it before anything touches a GPU.

    Args:
        device: ``'cpu'``, ``'cuda'``, or None for a GPU if there is one.

    Returns:
        ``'cpu'`` or ``'cuda'``.

    Raises:
        ValueError: If ``'cuda'`` was asked for and no GPU is there.
    """
    if device == 'cpu':
        # mmengine takes a GPU whenever it sees one.
        os.environ['CUDA_VISIBLE_DEVICES'] = '-1'
        return 'cpu'
    available = torch.cuda.is_available()
    if device == 'cuda' and not available:
        raise ValueError(
            '--device cuda was given, but torch sees no GPU here: use --device cpu, or leave the option out.'
        )
    return 'cuda' if available else 'cpu'


@contextmanager
def processes(config: Config, launcher: str, device: str) -> Iterator[None]:
    """Set up a config for the launcher, and end the process group in order.

    On a CPU the group is made here with gloo, because mmengine's own set-up calls CUDA, and DDP is told to use no
    device ids.

    Raises:
        ImportError: If the config's strategy is not installed.
        ValueError: If several processes on a CPU are started otherwise than by ``torchrun``, or the config's strategy
            cannot train it.
    """
    config.launcher = launcher
    prepare_strategy(config, launcher, device)
    if launcher == 'none' or device != 'cpu':
        yield
        return
    if launcher != 'pytorch':
        raise ValueError(
            f"--launcher {launcher} was given on a CPU, but there only 'pytorch' works: start the processes with "
            'torchrun.'
        )
    config.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
    config.model = without_sync_bn(config.model)
    torch.distributed.init_process_group('gloo')
    try:
        yield
        # Without waiting for each other the processes end with an error every other time.
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
        # The runner lies in cycles and holds the group, whose threads abort a process that exits before they end.
        gc.collect()


def use_amp(config: Config, device: str) -> None:
    """Train in mixed precision: mmengine's wrapper on a GPU, bfloat16 autocast on a CPU.

    Raises:
        ValueError: If the config trains with DeepSpeed, which has a precision of its own.
    """
    if strategy_of(config) == DEEPSPEED:
        raise ValueError(
            '--amp was given, but DeepSpeed trains in the precision of its strategy: leave the option out and write '
            'strategy=dict(bf16=dict(enabled=True)).'
        )
    config.optim_wrapper.type = 'mmkd.AutocastOptimWrapper' if device == 'cpu' else 'AmpOptimWrapper'


def without_sync_bn(config: Any) -> Any:
    """A config with BN for every SyncBN, which torch has for GPUs only."""
    if isinstance(config, dict):
        changed = {key: without_sync_bn(value) for key, value in config.items()}
        return {**changed, 'type': 'BN'} if changed.get('type') == 'SyncBN' else changed
    if isinstance(config, list | tuple):
        return type(config)(without_sync_bn(value) for value in config)
    return config
