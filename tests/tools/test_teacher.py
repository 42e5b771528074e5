"""A teacher on the command line: set, evaluated, and not needed any more once training is over."""

import re
import shutil

import pytest
import torch

from tests.runs import ROOT, config_of, last_weights, run_tool, run_tool_here, weights, write_config
from tests.students import STUDENTS, build, classifier, distilling
from tests.teachers import teacher_of

FRAGMENTS = ROOT / 'configs' / '_base_' / 'methods'
SELF_TAUGHT = dict(frskd=dict(type='mmkd.FRSKD', self_teacher=dict(width=1.0)), kd=dict(type='mmkd.LogitKD'))
DEVICE = ('--device', 'cpu')


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A training with a teacher that was named on the command line, and what it printed; its files are gone."""
    root = tmp_path_factory.mktemp('trained')
    plain = write_config(config_of(root, task='classification', max_iters=2), root / 'plain.py')
    (root / 'teacher').mkdir()
    teacher = teacher_of(root / 'teacher', classifier(), 'mmpretrain')
    config = config_of(root, task='classification')
    write_config(config, root / 'teacher' / 'tall.py')
    options = ('--teacher', root / 'teacher' / 'tall.py', teacher['checkpoint'], '--eval-teacher')
    fragment = ('--distill', FRAGMENTS / 'logit_kd.py')
    printed = run_tool_here('tools/train.py', plain, *fragment, *options, *DEVICE, '--work-dir', root / 'work')
    shutil.rmtree(root / 'teacher')
    return root, plain, printed


def metric(printed):
    return re.findall(r'accuracy/top1: (-?[\d.]+)', printed)[-1]


def test_the_teacher_teaches_and_its_metric_is_told_once(trained):
    root, _, printed = trained
    assert 'distill.logit_kd.loss_logit' in printed
    told = re.findall(r'teacher (.*tall\.py): (.*)', printed)
    assert [text for _, text in told] == [f'accuracy/top1={told[0][1].partition("=")[2]}']
    plain = build(classifier(), 'mmpretrain').state_dict()
    assert list(last_weights(root / 'work')) == list(plain)


def test_the_student_is_evaluated_drawn_and_exported_without_the_teachers_files(trained):
    root, _, _ = trained
    files = (root / 'work' / 'plain.py', root / 'work' / 'iter_2.pth')
    assert 'mmkd.Distiller' in files[0].read_text() and 'tall.py' in files[0].read_text()
    tested = run_tool_here('tools/test.py', *files, *DEVICE, '--work-dir', root / 't')
    run_tool_here('tools/visualize.py', *files, *DEVICE, '--out', root / 'pictures', '--num', 1)
    assert (root / 'pictures' / 'overview.png').exists()
    run_tool_here('tools/export_student.py', *files, root / 'student.pth')
    text = (root / 'student.py').read_text()
    assert 'mmkd' not in text and 'eacher' not in text
    exported = (root / 'student.py', root / 'student.pth')
    assert metric(run_tool_here('tools/test.py', *exported, *DEVICE, '--work-dir', root / 'e')) == metric(tested)


def test_training_again_does_need_them(trained):
    root, _, _ = trained
    with pytest.raises(SystemExit):
        run_tool_here('tools/train.py', root / 'work' / 'plain.py', *DEVICE, '--work-dir', root / 'again')


def test_a_self_teacher_is_drawn_where_an_external_one_taught_too(tmp_path):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    model = distilling(STUDENTS['classification'](), SELF_TAUGHT, teacher=teacher)
    config = write_config(config_of(tmp_path, model, task='classification', max_iters=1), tmp_path / 'both.py')
    run_tool_here('tools/train.py', config, *DEVICE, '--work-dir', tmp_path / 'work')
    files = (tmp_path / 'work' / 'both.py', tmp_path / 'work' / 'iter_1.pth')
    torch.load(teacher['checkpoint'], weights_only=True)
    for file in tmp_path.glob('teacher_*'):
        file.unlink()
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmkd.visualization.models.look', keep(drawn))
        run_tool_here('tools/visualize.py', *files, *DEVICE, '--out', tmp_path / 'pictures', '--num', 1)
    assert drawn and all(attention.taught for attention in drawn)
    tested = run_tool_here('tools/test.py', *files, *DEVICE, '--work-dir', tmp_path / 't')
    assert metric(tested) and 'unexpected' not in tested
    assert any(key.startswith('distill.methods.frskd') for key in weights(files[1]))


def keep(drawn):
    from mmkd.visualization.features import look

    def looking(*args, **kwargs):
        drawn.append(look(*args, **kwargs))
        return drawn[-1]

    return looking


@pytest.mark.parametrize(
    'options, message',
    [
        (['--eval-teacher'], '--eval-teacher was given, but the config has no external teacher'),
        (['--distill', str(FRAGMENTS / 'logit_kd.py')], "'logit_kd' (LogitKD) learns from a teacher, but teacher=None"),
    ],
)
def test_user_errors_are_one_sentence(trained, tmp_path, options, message):
    _, plain, _ = trained
    done = run_tool('tools/train.py', plain, *options, *DEVICE, '--work-dir', tmp_path)
    assert done.returncode == 1 and message in done.stderr and 'Traceback' not in done.stderr
