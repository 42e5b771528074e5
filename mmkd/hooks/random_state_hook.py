"""Resume exactly: random numbers go on where the interrupted run stopped."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.utils import track_iter_progress

from mmkd.registry import HOOKS

KEY = 'mmkd_random_state'


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Saves the states of all random number generators with every checkpoint and takes them up again on resuming.

    mmengine resumes model, optimizer, schedulers and the order of the data, but not the generators that dropout and the
    data pipeline of the main process draw from, so that a resumed run differs from an uninterrupted one. Validation,
    which draws a number per data loader, is kept from influencing training, because a run that was killed during
    validation does not repeat it.

    Where workers load the data, resuming an iteration-based run draws all past batches again, which takes the time of
    loading them; set ``train_cfg.fast_forward_on_resume=True`` to give up exactness for speed.

    Exact for iteration-based runs, and for epoch-based runs without ``persistent_workers`` whose checkpoints are
    written at the end of epochs. The state is that of the process that writes the checkpoint: with several processes
    only rank 0 resumes exactly.
    """

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self._resumed: dict[str, Any] | None = None
        self._before_val: dict[str, Any] | None = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put the present states into the checkpoint."""
        checkpoint[KEY] = random_state()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the states of the checkpoint until training begins."""
        # Other processes may draw from other seeds, which the state of this one would replace.
        self._resumed = checkpoint.get(KEY) if runner._resume and is_main_process() else None

    def before_train_epoch(self, runner: Runner) -> None:
        """Take up the states at the first batch that was not trained on before the interruption."""
        if self._resumed is None:
            return
        loop = runner.train_loop
        if hasattr(loop, 'dataloader_iterator'):
            # The loop first draws and drops the batches of the past, which uses up random numbers again.
            loop.dataloader_iterator = _RestoringIterator(
                loop.dataloader_iterator, loop.dataloader.num_workers, loop.iter, self._resumed
            )
        else:
            set_random_state(self._resumed)
        self._resumed = None

    def before_val(self, runner: Runner) -> None:
        """Remember the states before validation."""
        self._before_val = random_state()

    def after_val(self, runner: Runner) -> None:
        """Forget what validation drew."""
        set_random_state(self._before_val)


class _RestoringIterator:
    """Skips the batches of the past, then sets the random state."""

    def __init__(self, iterator: Any, num_workers: int, past: int, state: dict[str, Any]) -> None:
        self._iterator = iterator
        self._num_workers = num_workers
        # The original mmengine has no skip_iter: its loop draws the batches of the past one by one.
        self._past = 0 if hasattr(iterator, 'skip_iter') else past
        self._state: dict[str, Any] | None = state

    def skip_iter(self, count: int) -> None:
        if self._num_workers == 0:
            self._iterator.skip_iter(count)
            return
        # The generators of worker processes cannot be set from here; drawing the past again brings them where they
        # were.
        for _ in track_iter_progress(range(count)):
            next(self._iterator)

    def __iter__(self) -> Iterator:
        return self

    def __next__(self) -> Any:
        if self._past > 0:
            self._past -= 1
        elif self._state is not None:
            # Making an iterator draws a random number, as it did before the first batch of the interrupted run.
            getattr(self._iterator, '_ensure_iterator', lambda: None)()
            set_random_state(self._state)
            self._state = None
        return next(self._iterator)


def random_state() -> dict[str, Any]:
    """States of the generators of Python, NumPy and torch, in types that a weights-only load accepts."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    state = dict(
        python=random.getstate(),
        numpy=(kind, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, gauss),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Set what :func:`random_state` gave."""
    version, numbers, gauss = state['python']
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state['numpy']
    np.random.set_state((kind, keys.cpu().numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state['torch'].cpu())
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
