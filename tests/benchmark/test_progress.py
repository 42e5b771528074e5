import io
import json
from types import SimpleNamespace

import pytest

from mmkd.benchmark.progress import Progress
from mmkd.benchmark.runs import Run


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def make_run(tmp_path):
    def make(name, seed, length=100, logged=0, pace=2.0):
        run = Run(SimpleNamespace(name=name, length=length), seed, tmp_path / name / str(seed))
        if logged:
            file = run.directory / '1' / 'vis_data' / 'scalars.json'
            file.parent.mkdir(parents=True)
            file.write_text(json.dumps({'lr': 1, 'iter': logged, 'step': logged, 'time': pace}) + '\n')
        return run

    return make


def test_nothing_is_known_at_first(make_run):
    progress = Progress([make_run('a', 0), make_run('b', 0)], 2, io.StringIO())
    assert progress.summary() == '0/2 runs done; all 0/200; ETA unknown yet'


def test_time_left_follows_the_pace_of_each_entry(make_run):
    # a: 60 left at 2 s, and a second run of 100 at 2 s; b: 50 left at 1 s; c, not begun, costs the mean: 100 at 1.5 s
    runs = [make_run('a', 0, logged=40), make_run('a', 1), make_run('b', 0, logged=50, pace=1.0), make_run('c', 0)]
    progress = Progress(runs, 2, io.StringIO())
    progress.start(runs[0])
    progress.start(runs[2])
    # (120 + 200 + 50 + 150) / 2 = 260 s
    assert progress.summary() == '0/4 runs done; a seed 0 40/100; b seed 0 50/100; all 90/400; ETA 0:04:20'


def test_the_longest_run_cannot_be_shared(make_run):
    run = make_run('a', 0, logged=40)
    progress = Progress([run], 8, io.StringIO())
    progress.start(run)
    assert progress.summary().endswith('ETA 0:02:00')


def test_ended_runs(make_run):
    runs = [make_run('a', seed, logged=logged) for seed, logged in enumerate((100, 30, 10))]
    progress = Progress(runs, 1, io.StringIO())
    for run in runs:
        progress.start(run)
    progress.end(runs[0], True)
    progress.end(runs[1], False)
    assert progress.summary() == '1/3 runs done, 1 failed; a seed 2 10/100; all 140/300; ETA 0:03:00'


def test_plain_lines_or_one_line_that_is_overwritten(make_run):
    plain, live = (Progress([make_run('a', 0)], 1, stream, interval=0) for stream in (io.StringIO(), Terminal()))
    live._interval = 0
    for progress in (plain, live):
        progress.show()
        progress.say('event')
    assert plain.stream.getvalue() == '0/1 runs done; all 0/100; ETA unknown yet\nevent\n'
    assert live.stream.getvalue() == '\r\x1b[K0/1 runs done; all 0/100; ETA unknown yet\r\x1b[Kevent\n'


def test_summary_waits_for_its_interval(make_run):
    progress = Progress([make_run('a', 0)], 1, io.StringIO(), interval=1000)
    progress.show()
    assert progress.stream.getvalue() == ''
