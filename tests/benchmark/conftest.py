"""A suite of two small entries, and a way to call the tool on it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
    def call(suite: Path, *words: str) -> subprocess.CompletedProcess:
        return subprocess.run(command(suite, *words), capture_output=True, text=True)

    return call


@pytest.fixture
def tool_command() -> Callable[..., list[str]]:
    return command
