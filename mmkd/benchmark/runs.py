"""One run: an entry trained with one seed, its folder, and the record that makes it resumable."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmkd.benchmark.logs import find_checkpoint, read_history, read_test_metrics, tail
from mmkd.benchmark.processes import Processes
from mmkd.benchmark.suite import Entry, Suite, option_arguments

LOG_LINES = 12


@dataclass(frozen=True)
class Scripts:
    """The command lines that train and test.

    Args:
        train: Script called as ``CONFIG --work-dir D --seed N --device X [--cfg-options …] [--distill FRAGMENT]
            [--resume]``.
        test: Script called as ``CONFIG CKPT --work-dir D --device X [--cfg-options …]``.
        device: ``cpu`` or ``cuda``.
    """

    train: Path
    test: Path
    device: str = 'cpu'


@dataclass(frozen=True, eq=False)
class Run:
    """An entry, a seed and the folder of both."""

    entry: Entry
    seed: int
    directory: Path

    @property
    def name(self) -> str:
        """How messages call the run."""
        return f'{self.entry.name} seed {self.seed}'

    @property
    def log(self) -> Path:
        """Everything that training and testing print."""
        return self.directory / 'output.log'

    def record(self) -> dict[str, Any]:
        """What is known of the run.

        Its ``state`` is ``missing``, ``changed``, ``training``, ``trained``, ``done`` or ``failed``.
        """
        file = self.directory / 'run.json'
        record = json.loads(file.read_text()) if file.is_file() else {'state': 'missing'}
        if record['state'] != 'missing' and record['digest'] != self.entry.digest:
            record = {'state': 'changed'}
        return record

    def write(self, **changes: Any) -> None:
        """Change entries of the record; the file is replaced at once, so that a kill leaves an old or a new one."""
        old = self.record()
        record = {**(old if 'digest' in old else {}), 'digest': self.entry.digest, **changes}
        part = self.directory / 'run.json.part'
        part.write_text(json.dumps(record, indent=1))
        os.replace(part, self.directory / 'run.json')


def is_done(run: Run, suite: Suite) -> bool:
    """Whether the run is trained and tested with the checkpoint that the suite asks for."""
    record = run.record()
    return record['state'] == 'done' and record['checkpoint'] == suite.checkpoint


def execute(run: Run, suite: Suite, scripts: Scripts, processes: Processes, say: Callable[[str], None]) -> None:
    """Train and test one run, from where an earlier call left it.

    Args:
        run: The run.
        suite: Its suite.
        scripts: The command lines.
        processes: Where the subprocesses are started.
        say: Takes one line per change of state.
    """
    try:
        if run.record()['state'] not in ('trained', 'done'):
            _train(run, scripts, processes, say)
        _test(run, suite, scripts, processes, say)
    except (RuntimeError, FileNotFoundError) as error:
        if processes.stopped:
            return
        # a failed test does not cost the training
        state = 'trained' if run.record()['state'] in ('trained', 'done') else 'failed'
        run.write(state=state, error=str(error), tail=tail(run.log, LOG_LINES))
        say(f'{run.name}: failed: {error}; the last lines of its log:')
        for line in tail(run.log, LOG_LINES):
            say(f'    {line}')


def _train(run: Run, scripts: Scripts, processes: Processes, say: Callable[[str], None]) -> None:
    state = run.record()['state']
    if state == 'changed':
        say(
            f'{run.name}: its config changed, the old run moves to {_set_aside(run.directory)} and training starts anew'
        )
    resume = (run.directory / 'last_checkpoint').is_file() and state != 'changed'
    run.directory.mkdir(parents=True, exist_ok=True)
    run.write(state='training', seed=run.seed, error=None, tail=[])
    say(f'{run.name}: {"resumes after " + str(read_history(run.directory).step) if resume else "starts"}')
    command = [
        sys.executable,
        scripts.train,
        run.entry.config,
        '--work-dir',
        run.directory,
        '--seed',
        run.seed,
        '--device',
        scripts.device,
    ]
    command += ['--distill', run.entry.distill] if run.entry.distill else []
    command += ['--resume'] if resume else []
    usage = processes.call(command + _options(run.entry), run.log)
    known = run.record().get('resident_memory_mb', 0)
    run.write(state='trained', resident_memory_mb=max(known, round(usage.ru_maxrss / 1024)))
    say(f'{run.name}: trained')


def _test(run: Run, suite: Suite, scripts: Scripts, processes: Processes, say: Callable[[str], None]) -> None:
    checkpoint, step = find_checkpoint(run.directory, suite.checkpoint, suite.metrics['val'])
    folder = run.directory / 'test'
    shutil.rmtree(folder, ignore_errors=True)
    command = [
        sys.executable,
        scripts.test,
        run.entry.config,
        checkpoint,
        '--work-dir',
        folder,
        '--device',
        scripts.device,
    ]
    processes.call(command + _options(run.entry), run.log)
    val = read_history(run.directory).metrics_of(checkpoint)
    metrics = {'val': val, 'test': read_test_metrics(folder)}
    for split, name in suite.metrics.items():
        if metrics[split] and name not in metrics[split]:
            raise RuntimeError(f"the {split} metrics have no '{name}'; the suite may name {sorted(metrics[split])}.")
    run.write(state='done', checkpoint=suite.checkpoint, step=step, metrics=metrics, error=None, tail=[])
    found = ', '.join(
        f'{split} {name} {suite.scale * metrics[split][name]:.{suite.digits}f}'
        for split, name in suite.metrics.items()
        if metrics[split]
    )
    say(f'{run.name}: done, {found}')


def _options(entry: Entry) -> list[str]:
    return ['--cfg-options', *option_arguments(entry.cfg_options)] if entry.cfg_options else []


def _set_aside(directory: Path) -> str:
    """A changed run is moved, never deleted: it may have cost hours."""
    number = 1
    while (target := directory.with_name(f'{directory.name}.old{number}')).exists():
        number += 1
    directory.rename(target)
    return f'{target.parent.name}/{target.name}'
