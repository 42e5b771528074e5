"""What a run left on disk: scalars of training and validation, metrics of the test loop, checkpoints."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

NOT_METRICS = ('time', 'data_time', 'step', 'iter', 'epoch')


@dataclass
class History:
    """The scalars of one run, restarts merged.

    Args:
        train: ``(iteration, seconds per iteration, epoch or None, GPU memory in MB or None)`` per log line, ascending.
        val: ``(step, iteration, metrics)`` per validation, ascending; the step is an epoch when training counts epochs.
    """

    train: list[tuple[int, float, int | None, float | None]] = field(default_factory=list)
    val: list[tuple[int, int, dict[str, float]]] = field(default_factory=list)

    @property
    def by_epoch(self) -> bool:
        """Whether training counts epochs."""
        return bool(self.train) and self.train[-1][2] is not None

    @property
    def epoch_length(self) -> int | None:
        """Iterations of an epoch; None where training does not count epochs or was logged in one epoch only."""
        first: dict[int, int] = {}
        for iteration, _, epoch, _ in self.train:
            if epoch is not None:
                first.setdefault(epoch, iteration)
        if len(first) < 2:
            return None
        # An epoch is logged at the same iterations of its own, but not always at its last one.
        (start, begin), (stop, end) = min(first.items()), max(first.items())
        return (end - begin) // (stop - start)

    @property
    def iterations(self) -> int:
        """The last iteration that was logged."""
        return self.train[-1][0] if self.train else 0

    @property
    def trained_iterations(self) -> int:
        """The last iteration known of: a validation may come after the last one that was logged."""
        return max([self.iterations, *(iteration for _, iteration, _ in self.val)])

    @property
    def step(self) -> int:
        """The last epoch when training counts epochs, else the last iteration."""
        return (self.train[-1][2] or self.iterations) if self.train else 0

    @property
    def progress(self) -> float:
        """Epochs that were logged, with their fraction as soon as the length of an epoch is known, or iterations."""
        length = self.epoch_length
        return self.iterations / length if length else self.step

    @property
    def memory(self) -> float | None:
        """The largest GPU memory that was logged, in MB."""
        return max((line[3] for line in self.train if line[3] is not None), default=None)

    def seconds(self, iteration: int | None = None) -> float:
        """Sum of iteration times up to an iteration; a log line stands for the iterations since the line before."""
        steps = np.array([0, *(line[0] for line in self.train)])
        times = np.array([line[1] for line in self.train])
        total = np.concatenate([[0.0], np.cumsum(np.diff(steps) * times)])
        return float(np.interp(self.iterations if iteration is None else iteration, steps, total))


    def metrics_of(self, checkpoint: Path) -> dict[str, float]:
        """Metrics of the validation when a checkpoint was written; none if there was no validation at that moment."""
        position = 1 if '_iter_' in f'_{checkpoint.name}' else 0
        number = _number(checkpoint)
        return next((line[2] for line in self.val if line[position] == number), {})

    def close_epochs(self) -> None:
        """Place validations at the true ends of their epochs, and count the last epoch to its end."""
        length = self.epoch_length
        if length is None or not self.val:
            return
        self.val = [(epoch, epoch * length, metrics) for epoch, _, metrics in self.val]
        iteration, seconds, epoch, memory = self.train[-1]
        if self.val[-1][0] == epoch and iteration < epoch * length:
            self.train.append((epoch * length, seconds, epoch, memory))


def read_history(work_dir: Path) -> History:
    """Read ``work_dir/<timestamp>/vis_data/scalars.json`` of every start; what was done again counts once."""
    history = History()
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        lines = list(_json_lines(file))
        first = next((line['iter'] for line in lines if 'lr' in line and 'iter' in line), None)
        if first is None:
            continue
        history.train = [line for line in history.train if line[0] < first]
        history.val = [line for line in history.val if line[1] < first]
        for line in lines:
            _add(history, line)
    history.close_epochs()
    return history


def read_test_metrics(test_dir: Path) -> dict[str, float]:
    """Metrics of the newest ``test_dir/<timestamp>/<timestamp>.json``, the file that mmengine's test loop writes.

    Raises:
        FileNotFoundError: No such file.
    """
    files = sorted(test_dir.glob('*/*.json'))
    if not files:
        raise FileNotFoundError('the test loop wrote no metrics; read in its log why.')
    return _metrics(json.loads(files[-1].read_text()))


def find_checkpoint(work_dir: Path, choice: str, metric: str) -> tuple[Path, int]:
    """The file to evaluate and the iteration (or epoch) it was written at.

    Args:
        work_dir: Folder of the training.
        choice: ``last``, or ``best`` on val.
        metric: Name of the validation metric, for ``best``.

    Raises:
        FileNotFoundError: There is no such checkpoint.
    """
    if choice == 'best':
        # coco/bbox_mAP must not find the files of coco/bbox_mAP_50
        name = re.compile(rf'best_{re.escape(metric.replace("/", "_"))}_(epoch|iter)_\d+\.pth')
        files = sorted((file for file in work_dir.glob('best_*.pth') if name.fullmatch(file.name)), key=_number)
        missing = f"no checkpoint 'best_{metric}_*.pth': set default_hooks.checkpoint.save_best, or checkpoint='last'"
    else:
        # the pointer holds the path at training time: only its name survives a moved work dir
        pointer = work_dir / 'last_checkpoint'
        files = [work_dir / Path(pointer.read_text().strip()).name] if pointer.is_file() else []
        missing = 'training left no last_checkpoint; keep the CheckpointHook in default_hooks'
    files = [file for file in files if file.is_file()]
    if not files:
        raise FileNotFoundError(missing)
    return files[-1], _number(files[-1])


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a text file that are not blank."""
    text = file.read_text(errors='replace') if file.is_file() else ''
    return [line for line in text.splitlines() if line.strip()][-lines:]


def _number(file: Path) -> int:
    found = re.search(r'(\d+)\.pth$', file.name)
    return int(found.group(1)) if found else 0


def _json_lines(file: Path) -> list[dict]:
    lines = []
    for line in file.read_text().splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:  # the line that is being written, or was when the process was killed
            continue
    return lines


def _metrics(line: dict[str, Any]) -> dict[str, float]:
    named = {re.sub('^(val|test)/', '', key): value for key, value in line.items()}
    return {key: value for key, value in named.items() if isinstance(value, (int, float)) and key not in NOT_METRICS}


def _add(history: History, line: dict[str, Any]) -> None:
    if 'lr' in line and 'iter' in line:
        history.train.append((line['iter'], line.get('time', 0.0), line.get('epoch'), line.get('memory')))
    elif 'step' in line:
        history.val.append((*_moment(history, line['step']), _metrics(line)))


def _moment(history: History, step: int) -> tuple[int, int]:
    """Step and iteration of a validation, whose line has one number: which of them, the LoggerHook decides."""
    epoch = history.train[-1][2] if history.train else None
    if epoch is not None:
        return min(step, epoch), history.iterations
    # without epochs to count, a LoggerHook that logs by epoch writes 0
    return (step, step) if step else (history.iterations, history.iterations)
