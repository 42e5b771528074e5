"""Command lines with words that are wrong."""
import pytest

from tests.faults import check_tool_refuses
from tests.runs import config_of, write_config
from tests.students import distilling, segmentor

FRAGMENTS = 'configs/_base_/methods'
CPU = ('--device', 'cpu')
WORDS = {
    'no config': ('tools/train.py', 'nowhere.py', *CPU, 'nowhere.py'),
    'no package': ('tools/train.py', 'mmnothing::a.py', *CPU, 'mmnothing'),
    'no packaged config': ('tools/train.py', 'mmseg::nothing.py', *CPU, 'nothing.py'),
    'no fragment': ('tools/train.py', '{plain}', '--distill', 'nowhere.py', *CPU, 'nowhere.py'),
    'fragment without methods': ('tools/train.py', '{plain}', '--distill', '{plain}', *CPU, 'plain.py'),
    'distilled twice': ('tools/train.py', '{distilling}', '--distill', f'{FRAGMENTS}/logit_kd.py', *CPU, 'Distiller'),
    'teacher of a plain config': ('tools/train.py', '{plain}', '--teacher', 'a.py', 'a.pth', *CPU, '--teacher'),
    'teacher that is not there': (
        'tools/train.py', '{plain}', '--distill', f'{FRAGMENTS}/logit_kd.py', '--teacher', 'a.py', 'a.pth', *CPU,
        "'a.py'"),
    'method without its teacher': (
        'tools/train.py', '{plain}', '--distill', f'{FRAGMENTS}/logit_kd.py', *CPU, 'teacher=None'),
    'no teacher to evaluate': ('tools/train.py', '{distilling}', '--eval-teacher', *CPU, '--eval-teacher'),
    'no GPU': ('tools/train.py', '{plain}', '--device', 'cuda', '--device cuda'),
    'launcher': ('tools/train.py', '{plain}', '--launcher', 'slurm', *CPU, 'slurm'),
    'config with an error': ('tools/train.py', '{broken}', *CPU, 'broken.py'),
    'config without model': ('tools/train.py', '{empty}', *CPU, 'model'),
    'no suite': ('tools/benchmark.py', 'nowhere.py', 'nowhere.py'),
    'no job': ('tools/benchmark.py', 'configs/frskd/benchmark_demo.py', '--jobs', '0', '--jobs is 0'),
    'no entry': ('tools/benchmark.py', 'configs/frskd/benchmark_demo.py', '--only', 'nothing', 'nothing'),
    'no step': ('tools/profile_overhead.py', '{distilling}', '--steps', '0', *CPU, '--steps is 0'),
    'no picture': ('tools/visualize.py', '{plain}', 'a.pth', '--num', '0', *CPU, '--num is 0'),
    'a threshold': ('tools/visualize.py', '{plain}', 'a.pth', '--score-threshold', '2', *CPU, '2'),
    'two names': ('tools/visualize.py', '{plain}', 'a.pth', '--labels', 'a', 'b', *CPU, "['a', 'b']"),
}


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp('files')
    (root / 'broken.py').write_text('model = dict(\n')
    (root / 'empty.py').write_text('a = 1\n')
    return dict(
        root=root,
        plain=write_config(config_of(root), root / 'plain.py'),
        distilling=write_config(config_of(root, distilling(segmentor())), root / 'distilling.py'),
        broken=root / 'broken.py',
        empty=root / 'empty.py',
    )


@pytest.mark.parametrize('name', WORDS)
def test_wrong_words_are_told(files, tmp_path, name):
    *words, found = WORDS[name]
    work = ['--work-dir', tmp_path] if words[0] in ('tools/train.py', 'tools/benchmark.py') else []
    check_tool_refuses(*[word.format(**files) for word in words], *work, found=[found])
