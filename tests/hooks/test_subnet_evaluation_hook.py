"""How good every net is, at every validation."""

import copy
import json
from numbers import Real
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmkd.engine.export import export_student
from mmkd.subnets import plain_state
from tests.faults import check_tool_refuses
from tests.runs import config_of, last_weights, run_tool_here, tool_of, train, write_config
from tests.students import SCOPES, STUDENTS, build, distilling, segmentor
from tests.subnets import dynamic_student
from tests.test_training import HOOKS, same

HOOK = dict(type='mmkd.SubnetEvaluationHook')


def config(root, task, hooks=(HOOK,), **changes):
    student = dynamic_student(task, r10=(1, 1, 1, 1), r14=(2, 1, 2, 1))
    if task == 'detection':
        # a few steps make no box certain
        student.test_cfg.score_thr = 0.0
    made = config_of(root, distilling(student, dict(ekd=dict(type='mmkd.EKD'))), task=task, **changes)
    made.optim_wrapper.optimizer.lr = 0.01
    made.custom_hooks = copy.deepcopy([*HOOKS, *hooks])
    return made


def validations(work_dir):
    """What was logged of every validation."""
    (file,) = work_dir.glob('*/vis_data/scalars.json')
    lines = map(json.loads, file.read_text().splitlines())
    return [{key: value for key, value in line.items() if 'time' not in key} for line in lines if 'lr' not in line]


@pytest.mark.parametrize('task', list(STUDENTS))
def test_every_net_is_logged_and_its_exported_model_has_the_same_metric(tmp_path, task):
    made = config(tmp_path, task)
    train(copy.deepcopy(made))
    logged = validations(tmp_path / 'work')[-1]
    checkpoint = Path((tmp_path / 'work' / 'last_checkpoint').read_text().strip())
    own = {key for key in logged if '/full' not in key and '/r1' not in key and key != 'step'}
    assert own and all(logged[f'{key}/full'] == logged[key] for key in own)
    for name in ('full', 'r10', 'r14'):
        files = export_student(copy.deepcopy(made), checkpoint, tmp_path / name / 'net.pth', name)
        plain = Config.fromfile(files[1])
        assert 'mmkd.Distiller' not in plain.pretty_text and 'SubnetEvaluationHook' not in plain.pretty_text
        plain.load_from, plain.work_dir = str(files[0]), str(tmp_path / name)
        metrics = Runner.from_cfg(plain).val()
        assert {f'{key}/{name}': value for key, value in metrics.items() if isinstance(value, Real)} == pytest.approx(
            {key: value for key, value in logged.items() if key.endswith(f'/{name}')}, rel=1e-6
        )
    assert logged[f'{sorted(own)[0]}/r10'] is not None


@pytest.mark.parametrize('ema', [False, True])
def test_training_goes_on_bit_by_bit_as_without_the_hook(tmp_path, ema):
    averaging = [dict(type='EMAHook', momentum=0.5)] if ema else []
    for name, hooks in (('without', averaging), ('with', [*averaging, HOOK])):
        made = config(tmp_path, 'segmentation', hooks, work_dir=str(tmp_path / name))
        # without the hook that keeps validation from influencing training
        made.custom_hooks = made.custom_hooks[1:]
        train(made)
    assert same(last_weights(tmp_path / 'without'), last_weights(tmp_path / 'with'))
    own, other = (validations(tmp_path / name) for name in ('without', 'with'))
    assert [{key: line[key] for key in before} for before, line in zip(own, other, strict=True)] == own


def test_the_test_tool_and_the_toolbox_s_own_agree(tmp_path):
    made = config(tmp_path, 'classification')
    train(copy.deepcopy(made))
    checkpoint = Path((tmp_path / 'work' / 'last_checkpoint').read_text().strip())
    file = write_config(made, tmp_path / 'dynamic.py')
    run_tool_here('tools/test.py', file, checkpoint, '--device', 'cpu', '--work-dir', tmp_path / 'a')
    (metrics,) = (tmp_path / 'a').glob('*/*.json')
    told = json.loads(metrics.read_text())
    printed = run_tool_here('tools/export_student.py', file, checkpoint, tmp_path / 'r10.pth', '--subnet', 'r10')
    assert 'The plain student' in printed
    tool = tool_of(SCOPES['classification'], 'test.py')
    run_tool_here(tool, tmp_path / 'r10.py', tmp_path / 'r10.pth', '--work-dir', tmp_path / 'b')
    (metrics,) = (tmp_path / 'b').glob('*/*.json')
    assert json.loads(metrics.read_text())['accuracy/top1'] == told['accuracy/top1/r10']


@pytest.mark.parametrize('distils', [True, False])
def test_the_test_tool_gives_a_plain_checkpoint_to_the_full_net(tmp_path, distils):
    # a published one, for example, or an exported full net
    plain, dynamic = config(tmp_path, 'segmentation'), config(tmp_path, 'segmentation')
    plain.model = STUDENTS['segmentation']()
    dynamic.model = dynamic.model if distils else dynamic.model.student
    torch.save(dict(state_dict=build(plain.model).state_dict()), tmp_path / 'plain.pth')
    told, metrics = {}, {}
    for name, made in (('plain', plain), ('dynamic', dynamic)):
        file = write_config(made, tmp_path / f'{name}.py')
        told[name] = run_tool_here(
            'tools/test.py', file, tmp_path / 'plain.pth', '--device', 'cpu', '--work-dir', tmp_path / name)
        (written,) = (tmp_path / name).glob('*/*.json')
        metrics[name] = json.loads(written.read_text())
    assert metrics['dynamic']['mIoU'] == metrics['dynamic']['mIoU/full'] == metrics['plain']['mIoU']
    assert 'mIoU/r10' in metrics['dynamic']
    assert "'plain.pth' has no norms of the sub-nets ['r10', 'r14']" in told['dynamic']
    assert 'norms' not in told['plain']


def test_the_test_tool_refuses_a_checkpoint_of_a_sub_net(tmp_path):
    file = write_config(config(tmp_path, 'segmentation'), tmp_path / 'dynamic.py')
    student = build(config(tmp_path, 'segmentation').model)
    torch.save(plain_state(student, 'r10'), tmp_path / 'r10.pth')
    words = ('tools/test.py', file, tmp_path / 'r10.pth', '--device', 'cpu', '--work-dir', tmp_path)
    check_tool_refuses(*words, found=["'r10.pth'", 'backbone.layer'])


def test_a_net_that_is_not_there_is_explained(tmp_path):
    made = config(tmp_path, 'segmentation', max_iters=1)
    train(copy.deepcopy(made))
    checkpoint = Path((tmp_path / 'work' / 'last_checkpoint').read_text().strip())
    with pytest.raises(KeyError, match="The net 'r99' was asked for"):
        export_student(copy.deepcopy(made), checkpoint, tmp_path / 'out.pth', 'r99')
    plain = config_of(tmp_path, segmentor())
    with pytest.raises(ValueError, match='--subnet r10 was given, but the backbone is a ResNet without sub-nets'):
        export_student(plain, checkpoint, tmp_path / 'out.pth', 'r10')
    assert not (tmp_path / 'out.pth').exists()
