import json

import pytest

from mmkd.benchmark.cost import profile_suite
from mmkd.benchmark.suite import load_suite
from tests.runs import config_of, write_config
from tests.students import distilling, segmentor

SUITE = """
baseline = 'plain'
entries = dict(
    frskd=dict(config='frskd.py'),
    plain=dict(config='plain.py'),
    plain_longer=dict(config='plain.py', cfg_options={'train_cfg.max_iters': 9, 'param_scheduler.end': 9}),
    fragment=dict(config='plain.py', distill='fragment.py'))
"""


@pytest.fixture(scope='module')
def profiled(tmp_path_factory):
    root = tmp_path_factory.mktemp('suite')
    write_config(config_of(root), root / 'plain.py')
    write_config(config_of(root, distilling(segmentor())), root / 'frskd.py')
    (root / 'fragment.py').write_text("methods = dict(mine=dict(type='mmkd.FRSKD', self_teacher=dict(width=2.0)))")
    (root / 'suite.py').write_text(SUITE)
    suite, said = load_suite(root / 'suite.py'), []
    return suite, profile_suite(suite, 1, 'cpu', said.append), said


def test_every_entry_is_compared_with_the_baseline(profiled):
    suite, profile, _ = profiled
    assert list(profile['entries']) == list(suite.entries) and profile['rounds'] == profile['threads'] == 1
    assert {name: entry['digest'] for name, entry in profile['entries'].items()} == {
        name: entry.digest for name, entry in suite.entries.items()
    }
    costs = {name: entry['ratios']['trained_parameters'] for name, entry in profile['entries'].items()}
    assert costs['plain'] == 1 < costs['frskd'] < costs['fragment']
    assert json.loads(json.dumps(profile)) == profile


def test_entries_that_differ_in_length_alone_are_measured_once(profiled):
    _, profile, said = profiled
    plain, longer = (dict(profile['entries'][name]) for name in ('plain', 'plain_longer'))
    assert plain.pop('digest') != longer.pop('digest') and plain == longer
    assert [line for line in said if 'counting' in line] == [
        f'{name}: counting memory and operations' for name in ('plain', 'frskd', 'fragment')
    ]
