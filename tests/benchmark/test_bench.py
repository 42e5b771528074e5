"""The tool from end to end on trainings of a second."""

import json
import subprocess
import time
from pathlib import Path

from matplotlib import pyplot as plt

from mmkd.benchmark.bench import plan_runs, run_all, write_report
from mmkd.benchmark.progress import Progress
from mmkd.benchmark.runs import Scripts
from mmkd.benchmark.suite import load_suite
from tests.runs import config_of, write_config
from tests.students import distilling


def begins(suite, run):
    return (suite.parent / 'work' / run / 'begins.txt').read_text().split()


def results(suite):
    return json.loads((suite.parent / 'work' / 'results.json').read_text())


def test_whole_suite_and_nothing_twice(write_suite, call_tool):
    suite = write_suite()
    done = call_tool(suite, '--jobs', '2')
    assert done.returncode == 0, done.stderr
    assert (
        '| Better | 40 | 20 s | 500 | 36.50 ± 0.71 | 31.50 ± 0.71 '
        '| +2.00 ± 0.71 (paired ± 0.00) | +2.00 ± 0.71 (paired ± 0.00) | 2 |' in done.stdout
    )
    assert 'better seed 1: done, val mIoU 37.00, test mIoU 32.00' in done.stdout
    found = results(suite)
    assert len(found['runs']) == 4 and {run['state'] for run in found['runs']} == {'done'} and found['seeds'] == [0, 1]
    run = found['runs'][0]
    assert (
        run['val_curve'][1] == {'iteration': 20, 'seconds': 10.0, 'mIoU': 32.0}
        and run['train_seconds'] == 20.0
        and run['resident_memory_mb'] > 1
    )
    assert str(suite.parent) not in json.dumps(found)
    assert plt.imread(suite.parent / 'work' / 'curves.png').size > 0
    again = call_tool(suite)
    assert again.returncode == 0 and '4 of 4 runs are done already' in again.stdout
    assert begins(suite, 'plain/seed0') == ['0']


def test_killed_benchmark_is_resumed(write_suite, call_tool, tool_command):
    suite = write_suite(plain='pause = .5', better='pause = .5')
    process = subprocess.Popen(
        tool_command(suite, '--only', 'plain', '--seeds', '0'), stdout=subprocess.PIPE, text=True
    )
    pointer = suite.parent / 'work' / 'plain' / 'seed0' / 'last_checkpoint'
    deadline = time.monotonic() + 60
    while not pointer.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 1
    assert results(suite)['runs'][0]['state'] == 'interrupted'
    done = call_tool(suite, '--only', 'plain', '--seeds', '0')
    assert done.returncode == 0 and 'plain seed 0: resumes after' in done.stdout
    first, second = begins(suite, 'plain/seed0')
    assert first == '0' and int(second) >= 10
    run = results(suite)['runs'][0]
    assert (
        run['state'] == 'done'
        and run['iterations'] == 40
        and [point['iteration'] for point in run['val_curve']] == [10, 20, 30, 40]
    )


def test_failed_run_stops_nothing_and_is_tried_again(write_suite, call_tool):
    suite = write_suite(better='crash_seed = 0')
    done = call_tool(suite)
    assert done.returncode == 1
    assert (
        'better seed 0: failed: fake_train.py ended with status 1' in done.stdout
        and '    ValueError: the loss is nan' in done.stdout
    )
    assert '- better, seed 0: failed: fake_train.py ended with status 1, `ValueError: the loss is nan`' in done.stdout
    assert sorted(run['state'] for run in results(suite)['runs']) == ['done', 'done', 'done', 'failed']
    again = call_tool(suite)
    # the checkpoint of iteration 10 was written before the crash, which happens again only at iteration 20
    assert (
        again.returncode == 1
        and begins(suite, 'better/seed0') == ['0', '10']
        and begins(suite, 'better/seed1') == ['0']
    )


def test_changed_config_is_run_again_and_the_old_run_kept(write_suite, call_tool):
    suite = write_suite()
    call_tool(suite, '--seeds', '0')
    write_suite(better='extra = 1')
    done = call_tool(suite, '--seeds', '0', '--only', 'plain')
    assert done.returncode == 0 and [run['state'] for run in results(suite)['runs']] == ['done', 'changed']
    done = call_tool(suite, '--seeds', '0')
    assert (
        'better seed 0: its config changed, the old run moves to better/seed0.old1 and training starts anew'
        in done.stdout
    )
    assert (
        done.returncode == 0 and begins(suite, 'plain/seed0') == ['0'] and begins(suite, 'better/seed0.old1') == ['0']
    )
    assert begins(suite, 'better/seed0') == ['0']


def test_best_checkpoint_needs_a_test_but_no_training(write_suite, call_tool):
    suite = write_suite()
    call_tool(suite, '--seeds', '0', '--only', 'plain')
    write_suite(suite="checkpoint = 'best'")
    done = call_tool(suite, '--seeds', '0', '--only', 'plain')
    # the best file is of iteration 20: val 30 + 20/10, test five less
    assert 'plain seed 0: done, val mIoU 32.00, test mIoU 27.00' in done.stdout and begins(suite, 'plain/seed0') == [
        '0'
    ]


def test_epochs_and_a_metric_between_0_and_1(write_suite, call_tool):
    detector = "train_cfg = dict(max_epochs=4)\ninterval = 25\nmetric = 'coco/bbox_mAP'\nscale = 0.01"
    metrics = "metrics = dict(val='coco/bbox_mAP')\nscale = 100\ndigits = 1\ncheckpoint = 'best'"
    suite = write_suite(plain=detector, better=detector, suite=metrics)
    done = call_tool(suite, '--seeds', '0')
    assert done.returncode == 0, done.stderr
    # 30 + 100 / 10 on val; the test loop sees the best checkpoint, of epoch 4: 30 + 4 / 10 - 5
    assert 'plain seed 0: done, val coco/bbox_mAP 40.0, test coco/bbox_mAP 25.4' in done.stdout
    assert '| Plain (baseline) | 100 (4 epochs) | 50 s | 500 | 40.0 | 25.4 | – | – | 1 |' in done.stdout
    run = results(suite)['runs'][0]
    assert [point['iteration'] for point in run['val_curve']] == [25, 50, 75, 100]
    assert run['metrics']['val'] == {'coco/bbox_mAP': 0.4} and run['epochs'] == run['step'] == 4


def test_unknown_metric_is_a_failed_test(write_suite, call_tool):
    done = call_tool(write_suite(suite="metrics = dict(val='mAP')"), '--seeds', '0', '--only', 'plain')
    assert done.returncode == 1 and "the val metrics have no 'mAP'; the suite may name ['mIoU']" in done.stdout


ROW = "entries['part'] = dict(of='better', label='Part', metrics=dict(val='mIoU/part'))"


def test_a_row_of_an_unknown_metric_is_told_and_costs_no_run(write_suite, tmp_path, monkeypatch):
    here, said = Path(__file__).resolve().parent, []
    scripts = Scripts(here / 'fake_train.py', here / 'fake_test.py')
    monkeypatch.setattr(Progress, 'say', lambda progress, line: said.append(line))

    def is_complete(row):
        suite = load_suite(write_suite(suite=row))
        runs = plan_runs(list(suite.entries.values())[1:], [0], tmp_path / 'work')
        return run_all(suite, runs, scripts, tmp_path / 'work', 1, lambda: None)

    assert not is_complete(ROW)
    assert [line for line in said if line.startswith('entry')] == [
        "entry 'part' shows 'mIoU/part', which the val metrics of 'better' do not have: choose among ['mIoU']."
    ]
    said.clear()
    assert is_complete(ROW.replace("val='mIoU/part'", "test='aAcc'"))
    assert not any(line.startswith('entry') for line in said)
    assert begins(tmp_path / 'suite.py', 'better/seed0') == ['0']


def test_report_rewrites_table_and_curves(write_suite, call_tool):
    suite = write_suite()
    assert 'without --report' in call_tool(suite, '--report').stderr
    call_tool(suite, '--seeds', '0')
    for name in ('table.md', 'curves.png'):
        (suite.parent / 'work' / name).unlink()
    file = suite.parent / 'work' / 'results.json'
    file.write_text(file.read_text().replace('"label": "Better"', '"label": "Renamed"'))
    assert call_tool(suite, '--report').returncode == 0
    assert (
        '| Renamed |' in (suite.parent / 'work' / 'table.md').read_text()
        and (suite.parent / 'work' / 'curves.png').stat().st_size > 0
    )


def test_work_dir_in_use_and_bad_arguments_get_one_sentence(write_suite, call_tool, tool_command):
    suite = write_suite(plain='pause = 30')
    process = subprocess.Popen(
        tool_command(suite, '--only', 'plain', '--seeds', '0'), stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    second = call_tool(suite)
    assert second.returncode == 1 and 'Another benchmark or its trainings still use' in second.stderr
    process.terminate()
    process.communicate(timeout=30)
    for words, sentence in (
        (['--only', 'x'], "--only names ['x']"),
        (['--jobs', '0'], '--jobs is 0, but'),
        (['--profile', '0'], '--profile is 0, but'),
    ):
        done = call_tool(suite, *words)
        assert done.returncode == 1 and sentence in done.stderr and 'Traceback' not in done.stderr


def test_a_profile_is_measured_before_training_and_kept(write_suite, call_tool, tmp_path):
    suite = write_suite()
    for name, model in (('plain', None), ('better', distilling(config_of(tmp_path / 'data').model))):
        config = config_of(tmp_path / 'data', model, max_iters=10)
        write_config(config, tmp_path / f'{name}.py')
        with open(tmp_path / f'{name}.py', 'a') as stream:
            stream.write('level = 30\n')
    done = call_tool(suite, '--seeds', '0', '--profile', '1')
    assert done.returncode == 0, done.stderr
    assert done.stdout.index('profile: plain: counting') < done.stdout.index('plain seed 0: starts')
    profile = results(suite)['profile']
    ratio = profile['entries']['better']['ratios']['peak_bytes']
    assert ratio > 1 and profile['entries']['plain']['ratios']['peak_bytes'] == 1 and profile['rounds'] == 1
    assert f'| {ratio:.2f} x | 31.00 |' in done.stdout
    again = call_tool(suite, '--seeds', '0')
    assert 'counting' not in again.stdout and f'| {ratio:.2f} x | 31.00 |' in again.stdout


def test_a_profile_is_added_to_results_of_old(write_suite, call_tool, tmp_path):
    suite = write_suite()
    call_tool(suite, '--seeds', '0', '--only', 'plain')
    entries = {
        name: {'digest': entry['digest'], 'ratios': {'step_ms': cost, 'peak_bytes': cost}}
        for (name, entry), cost in zip(results(suite)['entries'].items(), (1.0, 1.5), strict=True)
    }
    write_report(suite.parent / 'work', profile={'rounds': 3, 'threads': 1, 'entries': entries})
    assert results(suite)['profile']['rounds'] == 3
    table = (suite.parent / 'work' / 'table.md').read_text()
    assert '| Plain (baseline) | 40 | 20 s | 500 | 1.00 x | 1.00 x | 34.00 |' in table
    assert '| Better | – | – | – | 1.50 x | 1.50 x | – |' in table
