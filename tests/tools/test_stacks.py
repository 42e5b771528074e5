"""tools/test_stacks.py, with Pythons that only tell what they were asked to do."""
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.runs import ROOT

# "Building" an environment gives it a python whose "tests" end as its stack says.
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "$0 $*" >> {folder}/calls
[ "$2" = --stack ] || exit 1
[ "$3" = original ] && {{ echo 'environment: no compiler is found.'; exit 1; }}
mkdir -p "$5/bin"
printf '%s\\n' '#!/bin/sh' 'echo "$*" >> {folder}/calls' 'echo "=== 7 passed in 1s ==="' > "$5/bin/python"
chmod +x "$5/bin/python"
"""


@pytest.fixture
def stacks(tmp_path):
    """Runs the tool in a place where only Python 3.10 (as a command) and 3.11 (of pyenv) are found."""
    (tmp_path / 'clone' / 'tools').mkdir(parents=True)
    tool = tmp_path / 'clone' / 'tools' / 'test_stacks.py'
    tool.write_text((ROOT / 'tools' / 'test_stacks.py').read_text())
    write(tmp_path / 'bin' / 'python3.10', PYTHON.format(folder=tmp_path))
    write(tmp_path / 'bin' / 'python3.11', '#!/bin/sh\nexit 127\n')
    write(tmp_path / 'pyenv' / 'versions' / '3.11.7' / 'bin' / 'python3.11', PYTHON.format(folder=tmp_path))
    write(tmp_path / 'bin' / 'python3.12', '#!/bin/sh\nexit 127\n')
    path = f'{tmp_path / "bin"}:{os.environ["PATH"]}'
    environment = {**os.environ, 'PATH': path, 'PYENV_ROOT': str(tmp_path / 'pyenv')}

    def run(*arguments):
        done = subprocess.run([sys.executable, str(tool), *arguments], env=environment, capture_output=True, text=True)
        calls = tmp_path / 'calls'
        return SimpleNamespace(
            status=done.returncode, lines=done.stdout.splitlines(), errors=done.stderr,
            calls=calls.read_text() if calls.exists() else '')

    return run


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_a_stack_is_built_and_tested(stacks):
    done = stacks('default-3.10')
    assert done.status == 0
    assert done.lines[-1] == 'default-3.10: ok, 7 passed in 1s'
    assert '/bin/python3.10 tools/environment.py --stack default --venv' in done.calls
    assert done.calls.endswith('-m pytest tests -n auto --maxprocesses 4\n')


def test_arguments_go_to_pytest(stacks):
    assert stacks('default-3.10', '--', 'tests/losses', '-x').calls.endswith('-m pytest tests/losses -x\n')


def test_every_stack_is_reported_and_a_missing_python_is_no_success(stacks):
    done = stacks()
    assert done.status == 1
    assert done.lines[-4:] == [
        'default-3.10: ok, 7 passed in 1s',
        'default-3.11: ok, 7 passed in 1s',
        'default-3.12: FAILED, not tested: there is no Python 3.12 here, install it or add it to the PATH',
        'original-3.11: FAILED, environment: no compiler is found.',
    ]
    assert 'versions/3.11.7/bin/python3.11 tools/environment.py --stack original --venv' in done.calls


def test_an_unknown_stack_is_said_in_one_sentence(stacks):
    done = stacks('forks')
    assert done.status == 2
    assert "there is no stack 'forks': choose from default-3.10" in done.errors
    assert done.calls == ''
