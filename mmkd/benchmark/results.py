"""``results.json``: everything the table and the curves are made of."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmkd.benchmark.environment import describe_environment, without_paths
from mmkd.benchmark.logs import read_history
from mmkd.benchmark.runs import Run
from mmkd.benchmark.suite import Suite

Results = dict[str, Any]


def collect(
    suite: Suite, runs: Iterable[Run], command: str, jobs: int, device: str, profile: dict[str, Any] | None = None
) -> Results:
    """Gather what the runs left on disk.

    Args:
        suite: The suite.
        runs: Its runs, finished or not.
        command: The command line that made them.
        jobs: Runs at a time.
        device: Device of the trainings.
        profile: Cost of a step of each entry, see :mod:`mmkd.benchmark.cost`.

    Returns:
        A dict for JSON without any absolute path.
    """
    runs = list(runs)
    folder = suite.file.resolve().parent
    entries = {
        name: {
            'label': entry.label,
            'config': _relative(entry.config, folder),
            'cfg_options': entry.cfg_options,
            'distill': entry.distill and _relative(entry.distill, folder),
            'baseline': entry.baseline,
            'digest': entry.digest,
            **({'of': entry.of, 'metrics': entry.metrics} if entry.of else {}),
        }
        for name, entry in suite.entries.items()
    }
    environment = describe_environment(folder)
    return without_paths(
        {
            'title': suite.title,
            'suite': suite.file.name,
            'command': command,
            'baseline': suite.baseline,
            'metrics': suite.metrics,
            'checkpoint': suite.checkpoint,
            'digits': suite.digits,
            'scale': suite.scale,
            'seeds': sorted({run.seed for run in runs}),
            'entries': entries,
            'environment': {**environment, 'device': device, 'threads_per_run': 1, 'runs_at_a_time': jobs},
            **({'profile': profile} if profile else {}),
            'runs': [_collect_run(run) for run in runs],
        }
    )


def write_results(results: Results, file: Path) -> None:
    """Write the results; the file is replaced at once."""
    part = file.with_suffix('.part')
    part.write_text(json.dumps(results, indent=1) + '\n')
    os.replace(part, file)


def read_results(file: Path) -> Results:
    """Read what :func:`write_results` wrote; `FileNotFoundError` when there is none."""
    if not file.is_file():
        raise FileNotFoundError(f"'{file}' does not exist; run the benchmark once without --report.")
    return json.loads(file.read_text())


def finished(results: Results, entry: str) -> list[dict[str, Any]]:
    """The finished runs of an entry."""
    return [run for run in results['runs'] if run['entry'] == entry and run['state'] == 'done']


def metric_by_seed(results: Results, entry: str, split: str) -> dict[int, float]:
    """The compared metric of the finished runs of an entry, by seed, scaled as the suite asks."""
    name, scale = metric_name(results, entry, split), results.get('scale', 1)
    return {
        run['seed']: scale * run['metrics'][split][name]
        for run in finished(results, entry)
        if name in run['metrics'][split]
    }


def metric_name(results: Results, entry: str, split: str) -> str:
    """The metric that an entry is compared by: that of the suite, or its own."""
    return results['entries'][entry].get('metrics', results['metrics'])[split]


def metric_label(results: Results, split: str) -> str:
    """The metric's name, with what it is multiplied by: ``mIoU``, ``coco/bbox_mAP x 100``."""
    scale = results.get('scale', 1)
    return results['metrics'][split] + (f' x {scale:g}' if scale != 1 else '')


def _relative(path: str, folder: Path) -> str:
    return path if '::' in path else os.path.relpath(path, folder)


def _collect_run(run: Run) -> dict[str, Any]:
    record = run.record()
    # a training that stands still is one that was interrupted, whatever interrupted it
    state = (
        'failed'
        if record.get('error')
        else {'training': 'interrupted', 'trained': 'interrupted'}.get(record['state'], record['state'])
    )
    collected = {'entry': run.entry.name, 'seed': run.seed, 'state': state}
    if state == 'failed':
        collected |= {'error': record['error'], 'log': record.get('tail', [])}
    if state != 'done':
        return collected
    history = read_history(run.directory)
    seconds, iterations = history.seconds(), history.iterations
    return {
        **collected,
        'step': record['step'],
        'iterations': history.trained_iterations,
        'epochs': history.step if history.by_epoch else None,
        'train_seconds': round(seconds, 1),
        'ms_per_iteration': round(1000 * seconds / iterations, 1) if iterations else None,
        'gpu_memory_mb': history.memory,
        'resident_memory_mb': record.get('resident_memory_mb'),
        'metrics': record['metrics'],
        'val_curve': [
            {'iteration': iteration, 'seconds': round(history.seconds(iteration), 1), **metrics}
            for _, iteration, metrics in history.val
        ],
    }
