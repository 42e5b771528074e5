"""Evaluate a model beside training, without a trace in it."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.runner import Runner
from mmengine.runner.amp import autocast
from mmengine.runner.base_loop import BaseLoop
from torch.utils.data import DataLoader

from mmkd.hooks.random_state_hook import random_state, set_random_state


def evaluate(runner: Runner, loop: BaseLoop, predict: Callable[[Any], Any]) -> dict[str, Any]:
    """The metrics of predictions for the data of a validation or test loop.

    Random numbers that training or the loop itself draw later are those of a run without this call.

    Args:
        runner: The runner.
        loop: Its validation or test loop.
        predict: Makes data samples of a batch.
    """
    state = random_state()
    loader, evaluator = _loader(runner, loop), loop.evaluator
    try:
        with torch.no_grad(), autocast(enabled=loop.fp16):
            for batch in loader:
                evaluator.process(data_samples=predict(batch), data_batch=batch)
        return evaluator.evaluate(len(loader.dataset))
    finally:
        set_random_state(state)


def _loader(runner: Runner, loop: BaseLoop) -> DataLoader:
    # A loader of its own, because that of the loop may keep its workers and the numbers that these have drawn.
    settings = runner.cfg.get('test_dataloader' if loop is runner._test_loop else 'val_dataloader')
    if not isinstance(settings, dict):
        return loop.dataloader
    settings = dict(settings, dataset=loop.dataloader.dataset, persistent_workers=False)
    return runner.build_dataloader(settings, seed=runner.seed)
