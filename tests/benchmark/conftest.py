"""A suite of two small entries, and a way to call the tool on it."""

import io
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

HERE = Path(__file__).resolve().parent
TOOL = HERE.parents[1] / 'tools' / 'benchmark.py'


@pytest.fixture
def write_suite(tmp_path: Path) -> Callable[..., Path]:
    def write(plain: str = '', better: str = '', suite: str = '') -> Path:
        (tmp_path / 'plain.py').write_text(f'train_cfg = dict(max_iters=40)\nlevel = 30\n{plain}')
        (tmp_path / 'better.py').write_text(f'train_cfg = dict(max_iters=40)\nlevel = 32\n{better}')
        file = tmp_path / 'suite.py'
        file.write_text(
            "title = 'Two of them'\nbaseline = 'plain'\nseeds = [0, 1]\nmetrics = dict(val='mIoU')\n"
            "entries = dict(plain=dict(config='plain.py', label='Plain'),\n"
            "               better=dict(config='better.py', label='Better'))\n" + suite
        )
        return file

    return write


def command(suite: Path, *words: str) -> list[str]:
    return [
        sys.executable,
        str(TOOL),
        str(suite),
        '--work-dir',
        str(suite.parent / 'work'),
        '--train-script',
        str(HERE / 'fake_train.py'),
        '--test-script',
        str(HERE / 'fake_test.py'),
        *words,
    ]


@pytest.fixture
def call_tool() -> Callable[..., subprocess.CompletedProcess]:
    """The tool in this process, which spares its imports."""

    def call(suite: Path, *words: str) -> subprocess.CompletedProcess:
        arguments, status = command(suite, *words)[1:], 0
        printed, complained = io.StringIO(), io.StringIO()
        with (
            mock.patch('sys.argv', arguments),
            mock.patch.dict(os.environ),
            redirect_stdout(printed),
            redirect_stderr(complained),
        ):
            try:
                runpy.run_path(str(TOOL), run_name='__main__')
            except SystemExit as end:
                status = end.code or 0
                if isinstance(status, str):
                    print(status, file=sys.stderr)
                    status = 1
        return subprocess.CompletedProcess(arguments, status, printed.getvalue(), complained.getvalue())

    return call


@pytest.fixture
def tool_command() -> Callable[..., list[str]]:
    return command
