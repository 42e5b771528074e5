"""Distilled trainings through mmengine's strategies, in two processes on a CPU."""

import re

import pytest
import torch

from mmkd.engine.checkpoint import read_checkpoint
from mmkd.engine.config import load_config
from mmkd.engine.export import build_model
from tests.processes import run_tools_in_two
from tests.runs import ROOT, config_of, run_tool_here, weights, write_config
from tests.students import FRSKD, build, distilling, segmentor
from tests.teachers import teacher_of

FSDP = ROOT / 'configs' / '_base_' / 'strategies' / 'fsdp.py'
STRATEGIES = dict(runner='', ddp="runner_type = 'FlexibleRunner'\n", fsdp='')


def base_config(root):
    """A student that learns from itself and from a teacher, and draws no random numbers.

    Those of the second process are not resumed.
    """
    methods = dict(frskd=dict(FRSKD), kd=dict(type='mmkd.LogitKD'), fitnet=dict(type='mmkd.FeatureKD'))
    plain = segmentor()
    plain.decode_head.dropout_ratio = 0.0
    plain.data_preprocessor.update(mean=[128.0] * 3, std=[64.0] * 3)
    student = distilling(plain, methods, teacher=teacher_of(root, plain, 'mmseg'))
    config = config_of(root, student, max_iters=4, **{'optim_wrapper.optimizer.lr': 0.001})
    config.train_dataloader.dataset.pipeline[2:4] = [dict(type='Resize', scale=(32, 32))]
    config.train_cfg.val_interval = 4
    return write_config(config, root / 'base.py')


def command(root, name, *more, work=''):
    words = ('--device', 'cpu', '--launcher', 'pytorch', '--work-dir', root / (work or name))
    return 'tools/train.py', root / f'{name}.py', *words, *more


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """The folder of trainings of one config through the Runner and the strategies, and of one that was resumed."""
    root = tmp_path_factory.mktemp('strategies')
    base = base_config(root)
    for name, text in STRATEGIES.items():
        bases = [base, str(FSDP)] if name == 'fsdp' else [base]
        (root / f'{name}.py').write_text(f'_base_ = {bases}\n{text}')
    resumed = command(root, 'fsdp', '--resume', root / 'fsdp' / 'iter_2.pth', work='resumed')
    printed = run_tools_in_two(root, *(command(root, name) for name in STRATEGIES), resumed)
    (root / 'printed.txt').write_text(printed[list(STRATEGIES).index('fsdp')])
    return root


@pytest.mark.parametrize('name', ['ddp', 'fsdp'])
def test_a_strategy_trains_what_the_runner_trains(trained, name):
    plain, other = (read_checkpoint(trained / work / 'iter_4.pth')['state_dict'] for work in ('runner', name))
    assert plain.keys() == other.keys()
    assert any(key.startswith('distill.') for key in plain)
    for key, value in plain.items():
        torch.testing.assert_close(other[key], value, rtol=1e-5, atol=1e-6, msg=key)


def test_the_weights_were_sharded_and_did_change(trained):
    first, last = (weights(trained / 'fsdp' / f'iter_{count}.pth') for count in (1, 4))
    assert not all(torch.equal(first[key], value) for key, value in last.items() if key.endswith('weight'))
    printed = (trained / 'printed.txt').read_text()
    assert 'FSDPStrategy' in printed
    assert all(f'distill.{term}' in printed for term in ('frskd.loss_feature', 'kd.loss_logit', 'fitnet.loss_feature'))


def test_a_resumed_training_goes_on_as_if_it_had_not_stopped(trained):
    whole, resumed = (torch.load(trained / work / 'iter_4.pth', weights_only=False) for work in ('fsdp', 'resumed'))
    assert not (trained / 'resumed' / 'iter_1.pth').exists()
    for key, value in whole['state_dict'].items():
        torch.testing.assert_close(resumed['state_dict'][key], value, rtol=1e-6, atol=1e-7, msg=key)
    assert whole['optimizer']['state'].keys() == resumed['optimizer']['state'].keys()


def test_its_checkpoint_becomes_the_plain_students(trained):
    checkpoint, out = trained / 'fsdp' / 'iter_4.pth', trained / 'student.pth'
    run_tool_here('tools/export_student.py', trained / 'fsdp.py', checkpoint, out)
    build(segmentor()).load_state_dict(weights(out), strict=True)
    config = load_config(str(out.with_suffix('.py')))
    assert 'mmkd' not in config.pretty_text
    assert build_model(config).state_dict().keys() == weights(out).keys()


def test_one_process_tests_what_two_have_trained(trained):
    def metrics(name):
        words = ('--device', 'cpu', '--work-dir', trained / 'tested', '--split', 'val')
        printed = run_tool_here('tools/test.py', trained / f'{name}.py', trained / name / 'iter_4.pth', *words)
        return [float(each) for each in re.findall(r'(?:aAcc|mIoU|mAcc): ([\d.]+)', printed.splitlines()[-1])]

    sharded = metrics('fsdp')
    assert len(sharded) == 3
    # weights that differ by rounding may give a pixel another class
    assert sharded == pytest.approx(metrics('ddp'), abs=0.2)
