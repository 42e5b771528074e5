import pytest

from mmkd.benchmark.table import format_mean, format_time, make_table


def make_run(entry, seed, val, test, state='done', **more):
    run = {'entry': entry, 'seed': seed, 'state': state, **more}
    if state == 'done':
        run |= {
            'iterations': 4000,
            'train_seconds': 400.0,
            'ms_per_iteration': 100.0,
            'metrics': {'val': {'mIoU': val}, 'test': {'mIoU': test}},
        }
    return run


@pytest.fixture
def results():
    entries = {
        name: {'label': label, 'baseline': baseline}
        for name, label, baseline in (
            ('plain', 'Plain', None),
            ('frskd', 'FRSKD | wide', 'plain'),
            ('other', 'Other', 'frskd'),
        )
    }
    runs = [make_run('plain', seed, 40 + seed, 30 + seed) for seed in range(3)]
    runs += [make_run('frskd', seed, 41 + 2 * seed, 33 + 2 * seed) for seed in range(3)]
    runs += [
        make_run('other', 0, 50.0, 51.0),
        make_run('other', 1, 0, 0, 'failed', error='train.py ended with status 1', log=['x', ' boom ']),
        make_run('other', 2, 0, 0, 'missing'),
    ]
    environment = {
        'versions': {'torch': '2.10.0 (torch)'},
        'python': '3.11.7',
        'cpu': 'Some CPU',
        'cores': 2,
        'date': '2026-01-01',
        'device': 'cpu',
        'runs_at_a_time': 2,
        'threads_per_run': 1,
        'git': {'commit': '0123456789abcdef', 'dirty': True},
    }
    return {
        'title': 'Title',
        'metrics': {'val': 'mIoU', 'test': 'mIoU'},
        'digits': 2,
        'baseline': 'plain',
        'checkpoint': 'last',
        'entries': entries,
        'runs': runs,
        'command': 'python tools/benchmark.py suite.py',
        'environment': environment,
    }


def row(table, label):
    return next(line for line in table.splitlines() if line.startswith(f'| {label}'))


def test_rows_have_hand_computed_numbers(results):
    table = make_table(results)
    assert (
        row(table, 'Plain')
        == '| Plain (baseline) | 4000 | 6 min 40 s | 100 | 41.00 ± 1.00 | 31.00 ± 1.00 | – | – | 3 |'
    )
    # means 43 and 35; differences to the baseline 1, 2, 3 (val) and 3, 4, 5 (test)
    # sqrt(4/3 + 1/3) = 1.29, 1/sqrt(3) = 0.58
    assert row(table, 'FRSKD') == (
        '| FRSKD \\| wide | 4000 | 6 min 40 s | 100 | 43.00 ± 2.00 | 35.00 ± 2.00 '
        '| +2.00 ± 1.29 (paired ± 0.58) | +4.00 ± 1.29 (paired ± 0.58) | 3 |'
    )


def test_failed_and_missing_runs_are_stated(results):
    table = make_table(results)
    assert row(table, 'Other').endswith(
        '| 50.00 | 51.00 | +7.00 vs FRSKD \\| wide | +16.00 vs FRSKD \\| wide | 1 of 3 (1 failed, 1 not finished) |'
    )
    assert '- other, seed 1: failed: train.py ended with status 1, `boom`\n- other, seed 2: not run\n' in table


def test_entry_without_any_finished_run_keeps_its_row(results):
    for run in results['runs']:
        run['state'] = 'missing' if run['entry'] == 'plain' else run['state']
    table = make_table(results)
    assert row(table, 'Plain') == '| Plain (baseline) | – | – | – | – | – | – | – | 0 of 3 (3 not finished) |'
    assert row(table, 'FRSKD').endswith('| 43.00 ± 2.00 | 35.00 ± 2.00 | – | – | 3 |')


def test_fractions_are_shown_in_percent(results):
    for run in results['runs']:
        if run['state'] == 'done':
            run['metrics'] = {split: {'coco/bbox_mAP': found['mIoU'] / 100} for split, found in run['metrics'].items()}
    results |= {'metrics': {'val': 'coco/bbox_mAP', 'test': 'coco/bbox_mAP'}, 'scale': 100, 'digits': 1}
    table = make_table(results)
    assert '| val coco/bbox_mAP x 100 | test coco/bbox_mAP x 100 |' in table
    assert row(table, 'FRSKD').endswith(
        '| 43.0 ± 2.0 | 35.0 ± 2.0 | +2.0 ± 1.3 (paired ± 0.6) | +4.0 ± 1.3 (paired ± 0.6) | 3 |'
    )


def test_epochs_stand_beside_iterations(results):
    for run in results['runs']:
        run['epochs'] = 8 if run['entry'] == 'plain' else None
    table = make_table(results)
    assert row(table, 'Plain').startswith('| Plain (baseline) | 4000 (8 epochs) |')
    assert row(table, 'FRSKD').startswith('| FRSKD \\| wide | 4000 |')


@pytest.fixture
def profiled(results):
    for name, entry in results['entries'].items():
        entry['digest'] = f'digest of {name}'
    costs = {'plain': (1.0, 1.0), 'frskd': (1.614, 1.75), 'other': (1.2, 1.3)}
    results['profile'] = {
        'rounds': 20,
        'threads': 1,
        'entries': {
            name: {'digest': f'digest of {name}', 'ratios': {'step_ms': time, 'peak_bytes': memory}}
            for name, (time, memory) in costs.items()
        },
    }
    return results


def test_cost_comes_from_the_profile(profiled):
    table = make_table(profiled)
    assert '| ms / iteration | step time | peak memory | val mIoU |' in table
    assert '| 100 | 1.00 x | 1.00 x | 41.00 ± 1.00 |' in row(table, 'Plain')
    assert '| 100 | 1.61 x | 1.75 x | 43.00 ± 2.00 |' in row(table, 'FRSKD')
    assert 'relative to Plain, with the weights' in table and 'take turns for 20 rounds on 1 thread' in table


def test_cost_of_a_config_that_has_changed_is_not_known(profiled):
    profiled['entries']['frskd']['digest'] = 'new'
    del profiled['profile']['entries']['other']
    table = make_table(profiled)
    assert '| 100 | – | – | 43.00' in row(table, 'FRSKD') and '| 100 | – | – | 50.00' in row(table, 'Other')
    assert '| 1.00 x |' in row(table, 'Plain')
    profiled['entries']['plain']['digest'] = 'new'
    assert ' x |' not in make_table(profiled)


def test_no_profile_no_columns(results):
    assert 'step time' not in make_table(results).lower() and '--profile' not in make_table(results)


def test_caption_and_origin(results):
    table = make_table(results)
    assert (
        'the last checkpoint of each run' in table
        and 'to Plain unless another' in table
        and '√(s₁²/n₁ + s₂²/n₂)' in table
    )
    assert (
        'commit 0123456789 with changes' in table
        and 'torch 2.10.0' in table
        and '2 runs at a time with 1 thread each' in table
    )
    results['checkpoint'], results['environment']['git'] = 'best', None
    assert 'best on val' in make_table(results) and 'commit' not in make_table(results)


@pytest.mark.parametrize('values, text', [([], '–'), ([1.005], '1.00'), ([39.123, 40.456], '39.79 ± 0.94')])
def test_format_mean(values, text):
    assert format_mean(values, 2) == text


@pytest.mark.parametrize(
    'seconds, text',
    [(48.4, '48 s'), (59.6, '1 min 00 s'), (400, '6 min 40 s'), (7500, '2 h 05 min'), (3599.7, '1 h 00 min')],
)
def test_format_time(seconds, text):
    assert format_time(seconds) == text
