"""What the terminal shows while runs go on: one line per event, and a summary with the time that is left."""

import datetime
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from typing import TextIO

from mmkd.benchmark.logs import History, read_history
from mmkd.benchmark.runs import Run


class Progress:
    """Counts iterations over all runs.

    On a terminal the summary is one line that is overwritten; elsewhere a plain line every ``interval`` seconds.

    Args:
        runs: All runs.
        jobs: How many of them go on at a time.
        stream: Where to write. Defaults to None: standard output.
        interval: Seconds between summaries where the stream is no terminal.
    """

    def __init__(
        self, runs: Sequence[Run], jobs: int, stream: TextIO | None = None, interval: float = 10.0
    ) -> None:
        self.runs, self.jobs, self.stream = list(runs), jobs, stream or sys.stdout
        self._live = self.stream.isatty()
        self._interval = 1.0 if self._live else interval
        self._shown = time.monotonic()
        self._started: list[Run] = []
        self._ended: dict[Run, bool] = {}
        self._lock = threading.Lock()

    def say(self, line: str) -> None:
        """Write one line of its own."""
        with self._lock:
            self.stream.write(('\r\x1b[K' if self._live else '') + line + '\n')
            self.stream.flush()

    def start(self, run: Run) -> None:
        """A run begins or resumes."""
        self._started.append(run)

    def end(self, run: Run, done: bool) -> None:
        """A run has ended, well or not."""
        self._ended[run] = done

    def show(self) -> None:
        """Write the summary if one is due."""
        if time.monotonic() - self._shown < self._interval:
            return
        self._shown = time.monotonic()
        line = self.summary()
        if self._live:
            with self._lock:
                self.stream.write('\r\x1b[K' + line[: shutil.get_terminal_size().columns - 1])
                self.stream.flush()
        else:
            self.say(line)

    def summary(self) -> str:
        """Runs done, failed and running, iterations done out of all, and the time left."""
        active = set(self._started) | set(self._ended)
        histories = {run: read_history(run.directory) if run in active else History() for run in self.runs}
        steps = {run: min(int(history.progress), run.entry.length) for run, history in histories.items()}
        done = sum(run.entry.length if self._ended.get(run) else steps[run] for run in self.runs)
        failed = sum(not done for done in self._ended.values())
        parts = [f'{sum(self._ended.values())}/{len(self.runs)} runs done' + (f', {failed} failed' if failed else '')]
        parts += [f'{run.name} {steps[run]}/{run.entry.length}' for run in self._started if run not in self._ended]
        total = sum(run.entry.length for run in self.runs)
        return f'{"; ".join(parts)}; all {done}/{total}; ETA {self._eta(histories)}'

    def _eta(self, histories: dict[Run, History]) -> str:
        paces = self._paces(histories)
        if not paces:
            return 'unknown yet'
        # an entry that has not begun is taken to cost as much as the others do on average
        mean = sum(paces.values()) / len(paces)
        left = [
            max(run.entry.length - histories[run].progress, 0) * paces.get(run.entry.name, mean)
            for run in self.runs
            if run not in self._ended
        ]
        seconds = max(sum(left) / self.jobs, max(left, default=0.0))
        return str(datetime.timedelta(seconds=round(seconds)))

    @staticmethod
    def _paces(histories: dict[Run, History]) -> dict[str, float]:
        """Seconds per step by entry, as logged: it is known at once for an entry that an earlier call has trained."""
        logged: dict[str, list[History]] = {}
        for run, history in histories.items():
            if history.step:
                logged.setdefault(run.entry.name, []).append(history)
        return {
            name: sum(history.seconds() for history in found) / sum(history.progress for history in found)
            for name, found in logged.items()
        }
