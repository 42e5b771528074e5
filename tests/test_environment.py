import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """The module of tools/environment.py at work in a copy of the repository, with a cache of its own."""
    repo = tmp_path / 'clone'
    for name in ('tools', 'mmkd', 'requirements'):
        shutil.copytree(REPO / name, repo / name, ignore=shutil.ignore_patterns('__pycache__', '.mim'))
    (repo / 'configs').mkdir()
    for name in ('requirements.txt', 'setup.py', 'pyproject.toml', 'model-index.yml'):
        shutil.copy(REPO / name, repo / name)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return load(repo)


def load(repo):
    spec = importlib.util.spec_from_file_location('environment', repo / 'tools' / 'environment.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fake_build(tool, monkeypatch):
    """Replace the long steps; return the list of what was done."""
    done = []
    monkeypatch.setattr(tool, 'check_machine', lambda: None)
    monkeypatch.setattr(tool.shutil, 'disk_usage', lambda path: SimpleNamespace(free=1e12))
    monkeypatch.setattr(tool, 'run', lambda command, scratch, **variables: done.append(command[1:]))
    monkeypatch.setattr(tool, 'verify', lambda environment: done.append('verify'))
    monkeypatch.setattr(tool, 'link_clone', lambda environment, venv: done.append('link'))
    return done


def sentence(call, *arguments):
    with pytest.raises(SystemExit) as failure:
        call(*arguments)
    assert '\n' not in failure.value.code
    return failure.value.code


def test_digest_follows_the_requirement_files(tool):
    before = tool.requirements_digest()
    (tool.REPO / 'setup.py').write_text('')
    assert tool.requirements_digest() == before
    build = tool.REPO / 'requirements' / 'build.txt'
    build.write_text(build.read_text() + 'another\n')
    assert tool.requirements_digest() != before


def test_another_clone_has_the_same_digest(tool, tmp_path):
    shutil.copytree(tool.REPO, tmp_path / 'second')
    assert load(tmp_path / 'second').requirements_digest() == tool.requirements_digest()


def test_build_installs_torch_before_mmcv_and_mmcv_without_the_cache(tool, monkeypatch):
    done = fake_build(tool, monkeypatch)
    tool.set_up()
    _, torch, mmcv, toolboxes, verified, linked = done
    assert torch[-2:] == ['-r', 'requirements/build.txt']
    assert {'--no-build-isolation', '--no-cache-dir'} < set(mmcv)
    assert mmcv[-1].startswith('onedl-mmcv==')
    assert toolboxes[-3:] == ['--no-build-isolation', '-r', 'requirements.txt']
    assert (verified, linked) == ('verify', 'link')


def test_originals_are_built_in_the_same_steps_beside_the_default(tool, monkeypatch):
    done = fake_build(tool, monkeypatch)
    tool.set_up('original')
    _, torch, mmcv, toolboxes, *_ = done
    assert torch[-2:] == ['-r', 'requirements/build.txt']
    assert mmcv[-1].startswith('mmcv==')
    assert toolboxes[-2:] == ['-r', 'requirements/original.txt']
    done.clear()
    tool.set_up()
    assert len(done) == 6


def test_change_of_the_originals_leaves_the_default_alone(tool):
    default, original = tool.requirements_digest(), tool.requirements_digest('original')
    file = tool.REPO / 'requirements' / 'original.txt'
    file.write_text(file.read_text() + 'another\n')
    assert tool.requirements_digest() == default
    assert tool.requirements_digest('original') != original


def test_both_stacks_have_the_same_tools(tool):
    def after_the_toolboxes(name):
        return (tool.REPO / name).read_text().partition('# demo data')[2]

    tools = after_the_toolboxes('requirements.txt')
    assert 'pytest==' in tools
    assert after_the_toolboxes('requirements/original.txt') == tools


def test_unverified_environment_is_built_again(tool, monkeypatch, tmp_path):
    done = fake_build(tool, monkeypatch)
    monkeypatch.setattr(tool, 'verify', lambda environment: tool.fail('no ops'))
    with pytest.raises(SystemExit):
        tool.set_up()
    environment = tmp_path / 'cache' / 'mmkd' / tool.requirements_digest()
    assert not tool.marker(environment).exists()
    (environment / 'rest of the interrupted build').write_text('')
    fake_build(tool, monkeypatch)
    tool.set_up()
    assert [path.name for path in environment.iterdir()] == ['complete']
    assert len(done) == 4


def test_complete_environment_is_not_built_again(tool, monkeypatch):
    fake_build(tool, monkeypatch)
    tool.set_up()
    done = fake_build(tool, monkeypatch)
    tool.set_up()
    assert done == ['link']


def test_moved_clone_is_not_ready(tool, tmp_path):
    environment = tmp_path / 'environment'
    (tool.VENV / 'bin').mkdir(parents=True)
    (tool.VENV / 'bin' / 'python').symlink_to(sys.executable)
    environment.mkdir()
    tool.marker(environment).write_text('verified\n')
    tool.stamp(tool.VENV).write_text(tool.stamp_text(environment))
    assert tool.is_ready(environment, tool.VENV)
    moved = load(shutil.move(tool.REPO, tmp_path / 'moved'))
    assert moved.stamp(moved.VENV).exists()
    assert not moved.is_ready(environment, moved.VENV)


def test_clone_gets_a_thin_environment_of_its_own(tool, tmp_path):
    shared = Path(pytest.__file__).parents[4]
    if not (shared / 'bin' / 'ruff').exists():
        pytest.skip('pytest does not run from an environment that holds ruff')
    tool.link_clone(shared, tool.VENV)
    python = str(tool.VENV / 'bin' / 'python')
    code = 'import mmkd, sys; print(mmkd.__file__, sys.prefix)'
    output = subprocess.run([python, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert output.split() == [str(tool.REPO / 'mmkd' / '__init__.py'), str(tool.VENV)]
    for module in ('ruff', 'pytest', 'pip'):
        subprocess.run([python, '-m', module, '--version'], cwd=tmp_path, capture_output=True, check=True)
        subprocess.run([str(tool.VENV / 'bin' / module), '--version'], cwd=tmp_path, capture_output=True, check=True)


def test_missing_ops_are_said_in_one_sentence(tool, tmp_path):
    python = tmp_path / 'bin' / 'python'
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho Traceback\necho "ModuleNotFoundError: No module named \'mmcv._ext\'"\nexit 1\n')
    python.chmod(0o755)
    message = sentence(tool.verify, tmp_path)
    assert "without working compiled ops (ModuleNotFoundError: No module named 'mmcv._ext')" in message


def test_compiled_ops_of_this_environment_work(tool):
    pytest.importorskip('mmcv')
    tool.verify(Path(sys.prefix))


def test_unsuitable_python_is_said_in_one_sentence(tool, monkeypatch):
    monkeypatch.setattr(tool.sys, 'version_info', (3, 9, 1))
    monkeypatch.setattr(tool.sys, 'argv', ['environment.py'])
    assert 'Python 3.10, 3.11 or 3.12' in sentence(tool.main)


def test_full_disk_is_said_in_one_sentence(tool, monkeypatch):
    done = fake_build(tool, monkeypatch)
    monkeypatch.setattr(tool.shutil, 'disk_usage', lambda path: SimpleNamespace(free=3e9))
    assert '3.0 GB are free' in sentence(tool.set_up)
    assert done == []


def test_unwritable_cache_is_said_in_one_sentence(tool, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, 'Permission denied', '/cache')

    monkeypatch.setattr(tool.Path, 'mkdir', refuse)
    assert '/cache cannot be used (Permission denied): make it writable or set XDG' in sentence(tool.set_up)


def test_missing_compiler_is_said_in_one_sentence(tool, monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    assert 'no C++ compiler' in sentence(tool.check_machine)


def test_failing_command_is_named(tool, tmp_path, capsys):
    message = sentence(tool.run, ['sh', '-c', 'echo why; exit 3'], tmp_path)
    assert '"sh -c echo why; exit 3" failed' in message
    assert '    why\n' in capsys.readouterr().out


def test_silent_command_shows_a_heartbeat(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'HEARTBEAT_SECONDS', 0.1)
    tool.run(['sleep', '0.5'], tmp_path)
    assert 'still running' in capsys.readouterr().out


def test_heartbeat_counts_compiled_files(tool, tmp_path):
    csrc = tmp_path / 'pip-install' / 'mmcv' / 'mmcv' / 'ops' / 'csrc' / 'pytorch'
    (csrc / 'cpu').mkdir(parents=True)
    for name in ('a.cpp', 'b.cpp', 'cpu/a.cpp'):
        (csrc / name).write_text('')
    assert tool.progress(tmp_path) == 'still running'
    (tmp_path / 'a.o').write_text('')
    assert '1 of 3 files' in tool.progress(tmp_path)


def test_interrupt_stops_the_whole_command(tool, tmp_path, monkeypatch):
    def interrupt(scratch):
        raise KeyboardInterrupt

    monkeypatch.setattr(tool, 'HEARTBEAT_SECONDS', 0.5)
    monkeypatch.setattr(tool, 'progress', interrupt)
    with pytest.raises(KeyboardInterrupt):
        tool.run(['sh', '-c', f'echo $$ > {tmp_path}/pid; sleep 600'], tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / 'pid').read_text()), 0)


def test_second_process_waits_for_the_lock(tool, tmp_path, capsys):
    order = []

    def second():
        with tool.locked(tmp_path / 'lock'):
            order.append('second')

    thread = threading.Thread(target=second)
    with tool.locked(tmp_path / 'lock'):
        thread.start()
        while 'waiting' not in capsys.readouterr().out:
            thread.join(0.05)
        order.append('first')
    thread.join()
    assert order == ['first', 'second']
