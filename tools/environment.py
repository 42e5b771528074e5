"""Set up the environment of this clone.

    python3 tools/environment.py                                               # the maintained forks, in .venv
    python3 tools/environment.py --stack original --venv .venvs/original-3.11  # the original distributions

The environment of ``requirements.txt`` (torch, the OpenMMLab toolboxes with compiled ops, ruff, pytest) is built once
in the user's cache directory and shared by every clone with the same requirement files. Each clone gets a thin
``.venv`` of its own, which sees the shared packages and holds nothing but an editable mmkd. Standard library only.
"""
import argparse
import contextlib
import hashlib
import importlib.util
import os
import queue
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
VENV = REPO / '.venv'
STACKS = {'default': 'requirements.txt', 'original': 'requirements/original.txt'}
START = time.monotonic()
HEARTBEAT_SECONDS = 15
NEEDED_BYTES = 13e9
SITE_PACKAGES = Path('lib', f'python{sys.version_info[0]}.{sys.version_info[1]}', 'site-packages')
CHECK_OPS = """
import torch
from mmcv.ops import nms, roi_align
boxes = torch.tensor([[0., 0., 10., 10.], [0., 0., 9., 9.], [20., 20., 30., 30.]])
assert nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)[1].tolist() == [0, 2], 'nms gives wrong boxes'
pooled = roi_align(torch.ones(1, 1, 8, 8), torch.tensor([[0., 1., 1., 5., 5.]]), 2)
assert pooled.sum() == 4, 'roi_align gives wrong sums'
"""


def say(text):
    print(f'[{time.monotonic() - START:4.0f} s] {text}', flush=True)


def fail(sentence):
    sys.exit(f'environment: {sentence}')


def check_machine():
    """What would otherwise fail minutes into the build is said before it starts."""
    if importlib.util.find_spec('ensurepip') is None:
        fail('this Python cannot make virtual environments (no ensurepip): install the python3-venv package.')
    if shutil.which(os.environ.get('CXX', 'c++')) is None:
        fail('no C++ compiler is found, and the ops of mmcv have to be compiled: install g++ or set CXX.')
    if not Path(sysconfig.get_path('include'), 'Python.h').exists():
        fail('Python.h is missing, and the ops of mmcv have to be compiled: install the python3-dev package.')


def digest(paths, *facts):
    state = hashlib.sha256('\n'.join(map(str, facts)).encode())
    for path in paths:
        state.update(path.name.encode() + b'\0' + path.read_bytes() + b'\0')
    return state.hexdigest()[:16]


def requirements_digest(stack='default'):
    paths = [REPO / STACKS[stack], REPO / 'requirements' / 'build.txt']
    return digest(paths, sys.version_info[:2], sysconfig.get_platform())


def stamp_text(environment):
    packaging = [REPO / 'setup.py', REPO / 'mmkd' / 'version.py']
    return f'{environment}\n{REPO}\n{digest(packaging)}\n'


def stamp(venv):
    return venv / 'mmkd-stamp'


def is_ready(environment, venv):
    """Whether nothing has changed since the last run; a moved clone differs in its stamp."""
    return (stamp(venv).exists() and stamp(venv).read_text() == stamp_text(environment) and marker(environment).exists()
            and (venv / 'bin' / 'python').exists())


def marker(environment):
    return environment / 'complete'


@contextlib.contextmanager
def locked(path):
    """Hold the lock file, so that two clones do not build at once; the system releases it when a process dies."""
    import fcntl
    with path.open('w') as handle:
        waited = 0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waited % HEARTBEAT_SECONDS == 0:
                    say('another process is building this environment, waiting for it')
                time.sleep(1)
                waited += 1
        yield


def progress(scratch):
    objects = sum(1 for _ in scratch.rglob('*.o'))
    if not objects:
        return 'still running'
    sources = sum(1 for folder in ('pytorch', 'pytorch/cpu') for _ in scratch.glob(f'*/*/mmcv/ops/csrc/{folder}/*.cpp'))
    return f'compiling the ops of mmcv, {objects} of {sources} files done'


def lines_of(process):
    """Yield the output line by line, and None whenever nothing was printed for a while."""
    lines = queue.Queue()

    def read():
        for line in process.stdout:
            lines.put(line.rstrip('\n'))
        lines.put(StopIteration)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=HEARTBEAT_SECONDS)
        except queue.Empty:
            line = None
        if line is StopIteration:
            return
        yield line


def run(command, scratch, **variables):
    """Run a command with its output and a heartbeat shown; every temporary file of it goes to ``scratch``."""
    environ = {**os.environ, 'TMPDIR': str(scratch), 'PIP_DISABLE_PIP_VERSION_CHECK': '1', **variables}
    process = subprocess.Popen(
        [str(part) for part in command], cwd=REPO, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True)
    try:
        for line in lines_of(process):
            if line is None:
                say(progress(scratch))
            elif not line.startswith('Requirement already satisfied'):
                print(f'    {line}', flush=True)
        status = process.wait()
    except BaseException:
        # A compiler that outlives an interrupted build would write into the next one.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if status != 0:
        fail(f'"{" ".join(map(str, command))}" failed for the reason printed above: mend it and run this again.')


def mmcv_requirement(stack):
    for line in (REPO / STACKS[stack]).read_text().splitlines():
        if line.startswith(('onedl-mmcv', 'mmcv')):
            return line.strip()
    return fail(f'{STACKS[stack]} names no mmcv, whose ops are compiled in a step of their own: add it back.')


def build(environment, stack):
    """Build the shared environment from nothing; only a verified one gets its marker."""
    shutil.rmtree(environment, ignore_errors=True)
    free = shutil.disk_usage(environment.parent).free
    if free < NEEDED_BYTES:
        fail(f'{free / 1e9:.1f} GB are free in {environment.parent}, {NEEDED_BYTES / 1e9:.0f} GB are needed: '
             'free some or set XDG_CACHE_HOME to a folder on a larger disk.')
    check_machine()
    scratch = environment / 'scratch'
    scratch.mkdir(parents=True)
    say(f'1/5 new environment {environment}')
    run([sys.executable, '-m', 'venv', environment], scratch)
    install(environment / 'bin' / 'python', scratch, stack)
    say('5/5 run compiled ops of mmcv')
    verify(environment)
    shutil.rmtree(scratch, ignore_errors=True)
    marker(environment).write_text('verified\n')
    say('the shared environment is complete')
    for other in sorted(environment.parent.iterdir()):
        if other != environment and marker(other).exists():
            say(f'{other} is the environment of another stack, of other requirements or another Python: '
                'delete it if unused')


def install(python, scratch, stack):
    pip = [python, '-m', 'pip', 'install', '--progress-bar', 'off']
    say('2/5 install torch and the build tools (the largest download)')
    run([*pip, '-r', 'requirements/build.txt'], scratch)
    say('3/5 compile the ops of mmcv (about 6 minutes on two cores)')
    # pip may have cached a wheel without ops, built where torch was missing; and debug symbols only cost time.
    jobs, flags = os.environ.get('MAX_JOBS', str(os.cpu_count())), os.environ.get('CFLAGS', '') + ' -g0'
    variables = {'MMCV_WITH_OPS': '1', 'MAX_JOBS': jobs, 'CFLAGS': flags}
    if shutil.which('nvcc') is None:
        # mmcv tries to compile CUDA kernels as soon as it sees a GPU.
        variables['CUDA_VISIBLE_DEVICES'] = ''
    run([*pip, '--no-build-isolation', '--no-cache-dir', '--no-deps', mmcv_requirement(stack)], scratch, **variables)
    say('4/5 install the toolboxes')
    run([*pip, '--no-build-isolation', '-r', STACKS[stack]], scratch)


def verify(environment):
    result = subprocess.run(
        [str(environment / 'bin' / 'python'), '-c', CHECK_OPS], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=str(environment))
    if result.returncode != 0:
        reason = (result.stdout.strip().splitlines() or ['no message'])[-1]
        fail(f'mmcv was installed without working compiled ops ({reason}): '
             'check that the C++ compiler handles C++17 (g++ 9 or newer) and run this again.')


def link_clone(environment, venv):
    """Give this clone its thin .venv: the shared packages by a .pth file, and mmkd itself editable."""
    say(f'link {venv} to the shared environment')
    python, shared = venv / 'bin' / 'python', environment / SITE_PACKAGES
    with tempfile.TemporaryDirectory() as scratch:
        run([sys.executable, '-m', 'venv', '--clear', '--without-pip', venv], Path(scratch))
        (venv / SITE_PACKAGES / 'mmkd_environment.pth').write_text(f'import site; site.addsitedir({str(shared)!r})\n')
        run([python, '-m', 'pip', 'install', '--no-deps', '--no-build-isolation', '-e', REPO], Path(scratch))
    for name, module in {'pip': 'pip', 'pytest': 'pytest', 'torchrun': 'torch.distributed.run'}.items():
        script = venv / 'bin' / name
        script.write_text(f'#!/bin/sh\nexec "$(dirname "$0")/python" -m {module} "$@"\n')
        script.chmod(0o755)
    # ``python -m ruff`` looks for its binary beside the running python.
    (venv / 'bin' / 'ruff').symlink_to(environment / 'bin' / 'ruff')
    stamp(venv).write_text(stamp_text(environment))


def set_up(stack='default', venv=VENV):
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache').absolute() / 'mmkd'
    environment = cache / requirements_digest(stack)
    if is_ready(environment, venv):
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache / f'{environment.name}.lock'):
            if not marker(environment).exists():
                build(environment, stack)
            # Another process of this clone may have done it meanwhile, and be at work in it.
            if not is_ready(environment, venv):
                link_clone(environment, venv)
    except OSError as error:
        fail(f'{error.filename} cannot be used ({error.strerror}): make it writable or set XDG_CACHE_HOME to a folder '
             'that is.')
    say('the environment is ready')


def parse_args():
    parser = argparse.ArgumentParser(description='Set up the environment of this clone.')
    parser.add_argument('--stack', choices=STACKS, default='default', help='the maintained forks or the originals')
    parser.add_argument('--venv', type=Path, help='the thin environment of this clone (default: .venv)')
    return parser.parse_args()


def main():
    args = parse_args()
    if os.name != 'posix' or not (3, 10) <= sys.version_info[:2] <= (3, 12):
        fail(f'this is Python {sys.version.split()[0]} on {sys.platform}, and Python 3.10, 3.11 or 3.12 on Linux is '
             'needed: set the variable PYTHON to one, e.g. PYTHON=python3.12.')
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        set_up(args.stack, (args.venv or VENV).absolute())
    except KeyboardInterrupt:
        fail('interrupted; the next run starts the unfinished build again.')


if __name__ == '__main__':
    main()
