"""tools/profile_overhead.py, as a user calls it."""

import json

import pytest
from matplotlib import pyplot as plt

from tests.runs import config_of, run_tool, write_config
from tests.students import distilling, segmentor

TOOL = 'tools/profile_overhead.py'


def test_table_numbers_and_chart(tmp_path):
    config = write_config(config_of(tmp_path, distilling(segmentor())), tmp_path / 'tiny.py')
    options = ('--steps', 1, '--threads', 1, '--device', 'cpu', '--cfg-options', 'train_dataloader.batch_size=3')
    done = run_tool(TOOL, config, '--out', tmp_path / 'out', *options)
    assert done.returncode == 0, done.stderr
    profile = json.loads((tmp_path / 'out' / 'profile.json').read_text())
    (found,) = profile['configs']
    assert found['config'] == 'tiny' and found['images'] == [[32, 32]] * 3
    plain, frskd = found['rows']
    assert (plain['name'], frskd['name']) == ('plain', 'frskd')
    assert frskd['deployed_parameters'] == plain['trained_parameters'] < frskd['trained_parameters']
    assert profile['environment']['threads'] == 1 and str(tmp_path) not in json.dumps(profile)
    table = (tmp_path / 'out' / 'profile.md').read_text()
    assert table in done.stdout and f'| frskd | {frskd["ratios"]["step_ms"]:.2f} x (' in table
    assert plt.imread(tmp_path / 'out' / 'profile.png').size > 0


@pytest.mark.parametrize(
    'words, sentence',
    [
        (['{plain}'], "distils nothing (its model is a 'EncoderDecoder')"),
        (['{plain}', '--steps', '0'], '--steps is 0, but at least 1 is needed'),
        (['{absent}', '--teacher', '{plain}'], 'was given, but no --distill'),
        (['{absent}'], 'put it there, or add --synthetic HEIGHT WIDTH'),
    ],
    ids=['plain', 'steps', 'teacher', 'data'],
)
def test_user_errors_are_one_sentence(tmp_path, words, sentence):
    plain = config_of(tmp_path)
    absent = config_of(tmp_path, distilling(segmentor()))
    absent.train_dataloader.dataset.data_root = str(tmp_path / 'nowhere')
    files = {
        name: write_config(config, tmp_path / f'{name}.py') for name, config in (('plain', plain), ('absent', absent))
    }
    done = run_tool(TOOL, *[word.format(**files) for word in words], '--device', 'cpu', '--out', tmp_path / 'out')
    assert done.returncode == 1 and sentence in done.stderr and 'Traceback' not in done.stderr
    assert not (tmp_path / 'out').exists()
