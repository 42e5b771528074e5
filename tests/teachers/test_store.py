"""A file of outputs."""

import sqlite3
import subprocess
import sys

import pytest

from mmkd.teachers.store import FullError, Store
from tests.runs import ROOT

WRITER = """
import sys
from pathlib import Path
from mmkd.teachers.store import Store
store = Store(Path(sys.argv[1]), 10**9)
for i in range(50):
    store.write([(sys.argv[2].encode() + bytes([i]), 'logits', bytes(1000))])
"""


def test_what_was_written_is_read_also_by_the_next_process(tmp_path):
    store = Store(tmp_path / 'a' / 'b.sqlite', 10**6)
    store.write([(b'1', 'logits', b'one'), (b'1', 'neck', b'two'), (b'2', 'logits', b'')])
    assert store.read(b'1', 'logits') == b'one' and store.read(b'1', 'neck') == b'two'
    assert store.read(b'2', 'logits') == b'' and store.read(b'2', 'neck') is None
    store.write([(b'1', 'logits', b'new')])
    store.close()
    again = Store(tmp_path / 'a' / 'b.sqlite', 10**6)
    assert again.read(b'1', 'logits') == b'new' and again.count() == 3


def test_the_size_is_bounded(tmp_path):
    store = Store(tmp_path / 'a.sqlite', 200_000)
    with pytest.raises(FullError, match='full'):
        for i in range(100):
            store.write([(bytes([i]), 'logits', bytes(10_000))])
    kept = store.count()
    assert 10 < kept < 20 and store.read(bytes([0]), 'logits') == bytes(10_000)
    with pytest.raises(FullError):
        store.write([(b'x', 'logits', bytes(10_000)), (b'y', 'logits', bytes(10_000))])
    assert store.count() == kept and store.read(b'x', 'logits') is None
    store.close()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 200_000


def test_processes_that_start_together_share_a_file(tmp_path):
    file = tmp_path / 'a.sqlite'
    started = [
        subprocess.Popen([sys.executable, '-c', WRITER, str(file), name], cwd=ROOT, stderr=subprocess.PIPE)
        for name in 'xy'
    ]
    assert [process.communicate()[1].decode() for process in started if process.wait()] == []
    assert Store(file, 10**9).count() == 100


def test_another_file_is_left_alone(tmp_path):
    file = tmp_path / 'a.sqlite'
    file.write_text('These are my notes. ' * 100)
    with pytest.raises(sqlite3.DatabaseError, match='not a database'):
        Store(file, 10**6)
    assert file.read_text().startswith('These are my notes')
