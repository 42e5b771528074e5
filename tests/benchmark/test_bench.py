"""The tool from end to end on trainings of a second."""

import json
import subprocess
import time

from matplotlib import pyplot as plt


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


def test_unknown_metric_is_a_failed_test(write_suite, call_tool):
    done = call_tool(write_suite(suite="metrics = dict(val='mAP')"), '--seeds', '0', '--only', 'plain')
    assert done.returncode == 1 and "the val metrics have no 'mAP'; the suite may name ['mIoU']" in done.stdout


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
    ):
        done = call_tool(suite, *words)
        assert done.returncode == 1 and sentence in done.stderr and 'Traceback' not in done.stderr
