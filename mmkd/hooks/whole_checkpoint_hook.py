"""Keep the last good checkpoint when the next one cannot be written, or is no good."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor

from mmkd.engine.whole_file import write_whole
from mmkd.registry import HOOKS

MOMENTS = ('after_train_iter', 'after_train_epoch', 'after_val_epoch')
"""When a CheckpointHook saves."""
STATISTICS = ('running_mean', 'running_var')
"""Ends of the names of what a batch norm computes beside its weights."""


@HOOKS.register_module()
class WholeCheckpointHook(Hook):
    """Lets every ``CheckpointHook`` of a training write whole files or none, and delete outdated ones last.

    mmengine writes into the checkpoint that it replaces, and with ``max_keep_ckpts`` or ``save_best`` deletes the old
    one before the new one is there: a disk that is full would leave nothing to resume from. With this hook there is
    room for one checkpoint more needed, and after a failure all is as it was before. Files on a local disk are meant.

    Weights or running statistics that are NaN or infinite end the training instead of being written: a training would
    resume from them and could only fail again.

    Raises:
        FloatingPointError: If a weight that is to be written is not finite.
    """

    # after the CheckpointHook has made ready, and after the EMAHook has put its weights into a checkpoint
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Take charge of how checkpoints are written."""
        for hook in runner.hooks:
            if isinstance(hook, CheckpointHook) and not set(MOMENTS) & set(vars(hook)):
                for moment in MOMENTS:
                    setattr(hook, moment, partial(_save, hook, getattr(hook, moment)))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Refuse weights that are not finite, those that the optimizer updates and those of an average of them."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        # Other buffers, such as masks of attention, may be infinite for good reason.
        fixed = {name for name, _ in model.named_buffers() if not name.endswith(STATISTICS)}
        for part in ('state_dict', 'ema_state_dict'):
            found = _not_finite(checkpoint.get(part, {}), fixed)
            if found is not None:
                pointer = Path(runner.work_dir, 'last_checkpoint')
                raise FloatingPointError(
                    f'{found!r} is not finite after iteration {checkpoint["meta"]["iter"]}, so that no checkpoint is '
                    'written: lower the learning rate and '
                    + (f'resume from {pointer.read_text()!r}.' if pointer.exists() else 'start anew.')
                )


def _not_finite(weights: dict[str, Any], fixed: set[str]) -> str | None:
    names = {key.removeprefix('module.'): value for key, value in weights.items() if isinstance(value, Tensor)}
    return next((name for name, value in names.items() if name not in fixed and not value.isfinite().all()), None)


class _Backend:
    """A storage that deletes nothing until all is written."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._outdated: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self._outdated.append(('remove', path))

    def rmtree(self, path: str) -> None:
        self._outdated.append(('rmtree', path))

    def delete_outdated(self, written: set[str]) -> None:
        for delete, path in self._outdated:
            if str(path) not in written:
                getattr(self._backend, delete)(path)


def _save(hook: CheckpointHook, save: Callable, runner: Runner, *args: Any, **kwargs: Any) -> None:
    storage, pointer = hook.file_backend, Path(runner.work_dir, 'last_checkpoint')
    last = pointer.read_text() if pointer.exists() else ''
    hook.file_backend = _Backend(storage)
    try:
        with _whole_files() as written:
            save(runner, *args, **kwargs)
        hook.file_backend.delete_outdated(written)
    except OSError:
        if last and pointer.read_text() != last:
            pointer.write_text(last)
        raise
    finally:
        hook.file_backend = storage


@contextmanager
def _whole_files() -> Iterator[set[str]]:
    # The runner makes a storage of its own for every checkpoint, so that it is the class that must change.
    put, written = LocalBackend.put, set()

    def put_whole(storage: LocalBackend, data: bytes, path: str | Path) -> None:
        write_whole(path, data)
        written.add(str(path))

    LocalBackend.put = put_whole
    try:
        yield written
    finally:
        LocalBackend.put = put
