"""Run the tests in several stacks, each in an environment of its own, and tell what passed.

    python3 tools/test_stacks.py                                   # every stack below
    python3 tools/test_stacks.py original-3.11 -- tests/losses -x  # one of them, with arguments for pytest

A stack is a set of OpenMMLab distributions on a Python: ``default`` are the maintained forks, ``original`` the original
distributions. tools/environment.py builds what is missing, about ten minutes each. Standard library only.
"""
import argparse
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
NAMES = [f'{stack}-{version}' for stack, version in product(('default', 'original'), ('3.10', '3.11', '3.12'))]
TESTED = ['default-3.10', 'default-3.11', 'default-3.12', 'original-3.11']
PYTEST_ARGUMENTS = ['tests', '-n', 'auto', '--maxprocesses', '4']


def find_python(version):
    """The path of a Python of this version that runs, or None."""
    pyenv = Path(os.environ.get('PYENV_ROOT') or Path.home() / '.pyenv')
    # A shim of pyenv is found on the PATH even where it refuses to run.
    for candidate in [f'python{version}', *sorted(pyenv.glob(f'versions/{version}.*/bin/python{version}'))]:
        try:
            subprocess.run([str(candidate), '-c', ''], capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return str(candidate)
    return None


def last_line(command):
    """Run a command with its output shown; returns its exit status and the last line that it printed."""
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors='replace')
    last = 'nothing was printed'
    for line in process.stdout:
        print(line, end='', flush=True)
        last = line.strip(' =\n') or last
    return process.wait(), last


def test(name, arguments):
    """Run the tests in one stack; returns whether they passed and one line about it."""
    stack, _, version = name.partition('-')
    python = find_python(version)
    if python is None:
        return False, f'not tested: there is no Python {version} here, install it or add it to the PATH'
    venv = REPO / '.venvs' / name
    status, line = last_line([python, 'tools/environment.py', '--stack', stack, '--venv', str(venv)])
    if status == 0:
        status, line = last_line([str(venv / 'bin' / 'python'), '-m', 'pytest', *arguments])
    return status == 0, line


def main():
    parser = argparse.ArgumentParser(description='Run the tests in several stacks.')
    choices = f'of {", ".join(NAMES)} (default: {", ".join(TESTED)})'
    parser.add_argument('names', nargs='*', metavar='STACK', help=choices)
    split = sys.argv.index('--') if '--' in sys.argv else len(sys.argv)
    names, arguments = parser.parse_args(sys.argv[1:split]).names, sys.argv[split + 1:]
    for name in names:
        if name not in NAMES:
            parser.error(f'there is no stack {name!r}: choose from {", ".join(NAMES)}')
    results = {name: test(name, arguments or PYTEST_ARGUMENTS) for name in names or TESTED}
    print()
    for name, (passed, line) in results.items():
        print(f'{name}: {"ok" if passed else "FAILED"}, {line}')
    sys.exit(0 if all(passed for passed, _ in results.values()) else 1)


if __name__ == '__main__':
    main()
