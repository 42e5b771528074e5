"""The command lines, as a user calls them: in processes of their own."""

import pytest
import torch

from tests.runs import ROOT, config_of, run_tool, run_tool_here, tool_of, weights, write_config
from tests.students import FRSKD, build, distilling, segmentor

SEGMENTATION = ROOT / 'configs' / '_base_' / 'methods' / 'frskd_segmentation.py'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A distilled training through tools/train.py of a plain config, with the options a user has."""
    root = tmp_path_factory.mktemp('trained')
    config = write_config(config_of(root, max_iters=2), root / 'plain.py')
    done = run_tool(
        'tools/train.py',
        config,
        '--distill',
        SEGMENTATION,
        '--device',
        'cpu',
        '--seed',
        3,
        '--amp',
        '--channels-last',
        '--work-dir',
        root / 'work',
        '--cfg-options',
        'optim_wrapper.optimizer.lr=0.02',
    )
    assert done.returncode == 0, done.stderr
    return root, config, done


def test_a_plain_config_is_distilled_by_a_fragment(trained):
    root, _, done = trained
    assert 'distill.frskd.loss_teacher' in done.stdout and 'eta:' in done.stdout
    assert 'seed=3' in (root / 'work' / 'plain.py').read_text()
    assert 'mmkd.AutocastOptimWrapper' in (root / 'work' / 'plain.py').read_text()
    assert 'mmkd.ChannelsLastHook' in (root / 'work' / 'plain.py').read_text()
    assert 'lr=0.02' in (root / 'work' / 'plain.py').read_text()
    assert any(key.startswith('distill.') for key in weights(root / 'work' / 'iter_2.pth'))


def test_the_dumped_config_trains_under_mmsegs_own_tool(trained):
    root, _, _ = trained
    own = ('--work-dir', root / 'mmseg')
    done = run_tool(tool_of('mmseg', 'train.py'), root / 'work' / 'plain.py', *own, CUDA_VISIBLE_DEVICES='-1')
    assert done.returncode == 0, done.stderr
    assert 'distill.frskd.loss_teacher' in done.stdout


def test_a_checkpoint_is_evaluated_and_its_exported_student_gives_the_same(trained):
    root, _, _ = trained
    checkpoint, out = root / 'work' / 'iter_2.pth', root / 'export' / 'student.pth'
    config = root / 'work' / 'plain.py'
    tested = run_tool_here('tools/test.py', config, checkpoint, '--device', 'cpu', '--work-dir', root / 't')
    run_tool_here('tools/export_student.py', config, checkpoint, out)
    assert 'mmkd' not in out.with_suffix('.py').read_text()
    build(segmentor()).load_state_dict(weights(out), strict=True)
    files = (out.with_suffix('.py'), out)
    plain = run_tool(tool_of('mmseg', 'test.py'), *files, '--work-dir', root / 'p', CUDA_VISIBLE_DEVICES='-1')
    assert plain.returncode == 0, plain.stderr
    assert _miou(tested) == _miou(plain.stdout)


def _miou(output):
    return [line.partition('mIoU:')[2].split()[0] for line in output.splitlines() if 'mIoU:' in line][-1]


def test_a_killed_training_is_resumed_to_the_same_weights(trained, tmp_path):
    root, _, _ = trained
    model = distilling(segmentor(), dict(frskd=dict(FRSKD)))
    config = write_config(config_of(root, model, max_iters=4), tmp_path / 'distilled.py')
    half = ('--cfg-options', 'train_cfg.max_iters=2')
    for name, options in (('straight', ()), ('again', half), ('again', ('--resume',))):
        run_tool_here('tools/train.py', config, '--device', 'cpu', '--work-dir', tmp_path / name, *options)
    left, right = (weights(tmp_path / name / 'iter_4.pth') for name in ('straight', 'again'))
    assert left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


@pytest.mark.parametrize(
    'args, message',
    [
        (['tools/train.py', 'nowhere.py'], "There is no config 'nowhere.py'"),
        (['tools/train.py', '{plain}', '--resume', 'nowhere.pth'], "There is no checkpoint 'nowhere.pth'"),
        (['tools/train.py', '{plain}', '--distill', '{plain}'], 'has no methods'),
        (['tools/train.py', '{plain}', '--launcher', 'slurm'], "only 'pytorch' works"),
        (
            ['tools/train.py', '{plain}', '--distill', 'mmnothing::frskd/x.py'],
            "package 'mmnothing', which is not installed",
        ),
        (['tools/test.py', '{plain}', 'nowhere.pth'], "There is no checkpoint 'nowhere.pth'"),
        (['tools/export_student.py', '{plain}', 'nowhere.pth', 'out.pth'], "There is no checkpoint 'nowhere.pth'"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_user_errors_are_one_sentence_without_traceback(trained, args, message):
    _, plain, _ = trained
    device = [] if 'export' in args[0] else ['--device', 'cpu']
    done = run_tool(*[arg.format(plain=plain) for arg in args], *device)
    assert done.returncode == 1
    assert message in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_checkpoint_of_another_model_is_not_evaluated(trained, tmp_path):
    root, _, _ = trained
    wrong = write_config(config_of(root, segmentor(num_classes=3)), tmp_path / 'wrong.py')
    done = run_tool('tools/test.py', wrong, root / 'work' / 'iter_2.pth', '--device', 'cpu')
    assert done.returncode == 1 and "'decode_head.conv_seg.bias' among them" in done.stderr


def test_an_export_with_the_wrong_config_is_refused(trained, tmp_path):
    root, _, _ = trained
    wrong = write_config(config_of(root, distilling(segmentor(num_classes=3))), tmp_path / 'wrong.py')
    done = run_tool('tools/export_student.py', wrong, root / 'work' / 'iter_2.pth', tmp_path / 'out.pth')
    assert done.returncode == 1 and 'give the checkpoint of this config' in done.stderr
    assert not (tmp_path / 'out.pth').exists()
