"""The benchmark itself: every entry with every seed, some at a time, whatever happens to one of them."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from mmkd.benchmark.curves import save_curves
from mmkd.benchmark.processes import Processes
from mmkd.benchmark.progress import Progress
from mmkd.benchmark.results import Results, read_results, write_results
from mmkd.benchmark.runs import Run, Scripts, execute, is_done
from mmkd.benchmark.suite import Entry, Suite
from mmkd.benchmark.table import make_table


def plan_runs(entries: Sequence[Entry], seeds: Sequence[int], work_dir: Path) -> list[Run]:
    """All runs, seed by seed, so that after each seed the entries can be compared."""
    return [Run(entry, seed, work_dir / entry.folder / f'seed{seed}') for seed in seeds for entry in entries]


def run_all(
    suite: Suite, runs: Sequence[Run], scripts: Scripts, work_dir: Path, jobs: int, save: Callable[[], None]
) -> bool:
    """Finish the runs, ``jobs`` at a time.

    Args:
        suite: The suite.
        runs: The runs to finish; finished ones are skipped.
        scripts: The command lines.
        work_dir: Folder of the benchmark.
        jobs: Runs at a time.
        save: Called whenever a run has ended.

    Returns:
        Whether every run is done and has the metrics of all rows that show it.

    Raises:
        KeyboardInterrupt: Interrupted or terminated; the trainings are ended and can be resumed.
        BlockingIOError: The work dir is in use.
    """
    processes = Processes(work_dir)
    # others show what these have done
    rows = list(runs)
    runs = [run for run in runs if run.entry.of is None]
    todo = [run for run in runs if not is_done(run, suite)]
    progress = Progress(runs, jobs)
    for run in set(runs) - set(todo):
        progress.end(run, True)
    if len(todo) < len(runs):
        progress.say(f'{len(runs) - len(todo)} of {len(runs)} runs are done already')

    def work(run: Run) -> None:
        if processes.stopped:
            return
        progress.start(run)
        execute(run, suite, scripts, processes, progress.say)
        progress.end(run, is_done(run, suite))

    try:
        with ThreadPoolExecutor(jobs) as pool, _terminable():
            try:
                _watch([pool.submit(work, run) for run in todo], progress, save)
            except BaseException:
                processes.stop()
                raise
    finally:
        save()
        processes.close()
    wrong = _wrong_metrics(rows)
    for sentence in wrong:
        progress.say(sentence)
    return not wrong and all(is_done(run, suite) for run in runs)


def write_report(out: Path, results: Results | None = None, profile: dict[str, Any] | None = None) -> None:
    """Write ``results.json`` if results or a profile are new, and from it ``table.md`` and ``curves.png``.

    Args:
        out: The folder.
        results: In place of those in the folder.
        profile: In place of that in the results, see :mod:`mmkd.benchmark.cost`.

    Raises:
        FileNotFoundError: There are no results yet.
    """
    new = results is not None or profile is not None
    results = read_results(out / 'results.json') if results is None else results
    if profile is not None:
        results['profile'] = profile
    if new:
        out.mkdir(parents=True, exist_ok=True)
        write_results(results, out / 'results.json')
    (out / 'table.md').write_text(make_table(results))
    save_curves(results, out / 'curves.png')


def _wrong_metrics(rows: Sequence[Run]) -> list[str]:
    """A sentence for every entry whose metric its finished runs do not have, so that the table has a dash for it."""
    told: dict[str, str] = {}
    for row in rows:
        record, entry = row.record(), row.entry
        for split, name in entry.metrics.items():
            found = record['metrics'][split] if record['state'] == 'done' else {}
            if found and name not in found:
                told.setdefault(
                    entry.name,
                    f"entry '{entry.name}' shows {name!r}, which the {split} metrics of '{entry.folder}' do not have: "
                    f'choose among {sorted(found)}.',
                )
    return list(told.values())


def _watch(futures: list[Future], progress: Progress, save: Callable[[], None]) -> None:
    pending = set(futures)
    while pending:
        ended, pending = wait(pending, timeout=0.5)
        for future in ended:
            future.result()
            save()
        progress.show()


@contextmanager
def _terminable() -> Iterator[None]:
    """A termination by the system ends the trainings as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    old = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old)
