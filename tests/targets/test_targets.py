"""The limits of cost, at sizes that are measured within seconds."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.targets.target import Target
from benchmarks.targets.turns import median_ratio

REPO = Path(__file__).resolve().parents[2]
COUNTED = ('peak memory of an FRSKD', 'toolboxes', 'parameters of an exported')
"""Rows that do not depend on the machine and its load."""


def test_a_limit_is_met_up_to_itself():
    assert Target('a', 0.8, 0.8, '').met and not Target('a', 0.8, 0.81, '').met


def test_both_take_turns():
    calls = []
    ratio, own, other = median_ratio(lambda: calls.append(0), lambda: calls.append(1), 4)
    assert calls[:2] == [0, 1] and sorted(calls) == [0] * 5 + [1] * 5 and calls[2:6] == [1, 0, 0, 1]
    assert ratio >= 0 and min(own, other) >= 0


def test_the_command_writes_a_table_and_json(tmp_path):
    sizes = ('--rounds', '1', '--frskd', '8', '4', '1')
    run = [sys.executable, '-m', 'benchmarks.targets', *sizes, '--out', str(tmp_path)]
    done = subprocess.run(run, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / 'targets.md').read_text()
    rows = json.loads((tmp_path / 'targets.json').read_text())['targets']
    assert table.strip() in done.stdout and len(table.splitlines()) == 2 + len(rows) == 13
    counted = [row for row in rows if row['name'].startswith(COUNTED)]
    assert len(counted) == 3 and all(row['met'] for row in counted)


def test_numbers_of_nothing_are_refused(tmp_path):
    run = [sys.executable, '-m', 'benchmarks.targets', '--rounds', '0', '--out', str(tmp_path)]
    done = subprocess.run(run, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 1 and 'take numbers from 1' in done.stderr and 'Traceback' not in done.stderr
