"""What ``import mmkd`` costs."""

import statistics
import subprocess
import sys

from benchmarks.targets.target import Target

TOOLBOXES = ('mmseg', 'mmdet', 'mmpretrain')
CODE = """
import time, sys
import mmengine
start = time.perf_counter()
import mmkd
print(time.perf_counter() - start, sum(name in sys.modules for name in {toolboxes!r}))
"""


def import_seconds(rounds: int) -> list[Target]:
    """Seconds that ``import mmkd`` takes after mmengine, and how many toolboxes it imports."""
    found = [_run() for _ in range(rounds)]
    seconds = statistics.median(seconds for seconds, _ in found)
    return [
        Target('seconds of import mmkd beyond import mmengine', 0.3, seconds, f'median of {rounds} processes'),
        Target('toolboxes that import mmkd imports', 0, max(count for _, count in found), ', '.join(TOOLBOXES)),
    ]


def _run() -> tuple[float, int]:
    code = CODE.format(toolboxes=TOOLBOXES)
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    seconds, count = done.stdout.split()
    return float(seconds), int(count)
