import importlib.util

import pytest

from tests.runs import ROOT


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location('demo', ROOT / 'tools' / 'demo.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_main_job_makes_trains_compares_and_draws(demo, monkeypatch, tmp_path, capsys):
    called = []
    monkeypatch.setattr('sys.argv', ['demo.py', '--work-dir', str(tmp_path), '--seeds', '4'])
    monkeypatch.setattr(demo, 'run', lambda title, *command: called.append([str(part) for part in command]))
    for name in ('plain', 'frskd'):
        (tmp_path / name / 'seed4').mkdir(parents=True)
        (tmp_path / name / 'seed4' / 'last_checkpoint').write_text(f'{name}.pth\n')
    (tmp_path / 'table.md').write_text('the table')
    demo.main()
    assert [command[0] for command in called] == [
        'tools/make_demo_data.py', 'tools/benchmark.py', 'tools/visualize.py']
    assert called[1][-2:] == ['--seeds', '4']
    assert called[2][2] == 'frskd.pth' and 'plain.pth' in called[2]
    files = [part for command in called for part in command if part.endswith('.py')]
    assert all((ROOT / file).is_file() for file in files)
    output = capsys.readouterr().out
    assert 'the table' in output and str(tmp_path / 'curves.png') in output


def test_a_failing_step_ends_the_job_with_its_status(demo):
    with pytest.raises(SystemExit) as stopped:
        demo.run('fail', '-c', 'raise SystemExit(3)')
    assert stopped.value.code == 3
