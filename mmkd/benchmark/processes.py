"""Subprocesses of one thread each, ended together with the benchmark."""

import fcntl
import os
import resource
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ONE_THREAD = {'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1', 'OPENBLAS_NUM_THREADS': '1', 'PYTHONUNBUFFERED': '1'}


class Processes:
    """Starts subprocesses from several threads and can end them all.

    A work dir belongs to one benchmark at a time: the lock is inherited by the trainings, so that it also holds while
    those of a killed benchmark still run.

    Args:
        work_dir: The folder to lock.

    Raises:
        BlockingIOError: Another benchmark, or a training that one left behind, holds the work dir.
    """

    def __init__(self, work_dir: Path) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        self.stopped = False
        self._running: set[subprocess.Popen] = set()
        self._guard = threading.Lock()
        self._lock = open(work_dir / '.lock', 'w')  # noqa: SIM115  held as long as this process or a training lives
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"Another benchmark or its trainings still use '{work_dir.name}': wait for them, end them, or "
                'give another --work-dir.'
            ) from None

    def call(self, command: Sequence[Any], log: Path) -> resource.struct_rusage:
        """Run a command to its end, its output appended to a log.

        Args:
            command: The command and its arguments.
            log: File that takes stdout and stderr.

        Returns:
            The resources that it used; ``ru_maxrss`` is its peak resident memory in KiB.

        Raises:
            RuntimeError: It ended with a status other than 0, or :meth:`stop` was called.
        """
        with open(log, 'a') as stream:
            with self._guard:
                if self.stopped:
                    raise RuntimeError('stopped')
                process = subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **ONE_THREAD},
                    pass_fds=[self._lock.fileno()],
                )
                self._running.add(process)
            _, status, usage = os.wait4(process.pid, 0)
        with self._guard:
            process.returncode = os.waitstatus_to_exitcode(status)
            self._running.discard(process)
        if process.returncode:
            script = Path(str(command[1])).name
            raise RuntimeError(
                f'{script} ended with status {process.returncode}'
                if process.returncode > 0
                else f'{script} was ended by signal {-process.returncode}'
            )
        return usage

    def stop(self) -> None:
        """End what runs and let nothing start any more."""
        with self._guard:
            self.stopped = True
            for process in self._running:
                process.terminate()

    def close(self) -> None:
        """Give the work dir back."""
        self._lock.close()
