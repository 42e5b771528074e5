"""Classifiers and detectors: our command lines and those of their toolboxes work on the same files."""

import re

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import load

from tests.runs import ROOT, config_of, last_weights, run_tool, run_tool_here, tool_of, weights, write_config
from tests.students import SCOPES, STUDENTS, build

FRAGMENTS = dict(classification='frskd.py', detection='frskd_detection.py')


def plain_student(task):
    student = STUDENTS[task]()
    if task == 'detection':
        # two iterations make no box certain
        student.test_cfg.score_thr = 0.0
    return student


@pytest.fixture(scope='module', params=list(FRAGMENTS))
def trained(request, tmp_path_factory):
    """A distilled training through tools/train.py of a plain config."""
    task = request.param
    root = tmp_path_factory.mktemp(task)
    config = write_config(config_of(root, plain_student(task), max_iters=2, task=task), root / 'plain.py')
    fragment = ROOT / 'configs' / '_base_' / 'methods' / FRAGMENTS[task]
    printed = run_tool_here(
        'tools/train.py', config, '--distill', fragment, '--device', 'cpu', '--amp', '--work-dir', root / 'work'
    )
    return task, root, printed


def test_a_plain_config_is_distilled_by_a_fragment(trained):
    _, root, printed = trained
    assert all(f'distill.frskd.loss_{term}' in printed for term in ('teacher', 'logit', 'feature'))
    dumped = Config.fromfile(root / 'work' / 'plain.py')
    assert dumped.model.type == 'mmkd.Distiller' and dumped.optim_wrapper.type == 'mmkd.AutocastOptimWrapper'
    assert any(key.startswith('distill.') for key in last_weights(root / 'work'))


def test_the_dumped_config_trains_under_the_toolboxs_own_tool(trained):
    task, root, _ = trained
    # mmpretrain's tool wants its workers to persist unless it is told that there are none
    no_workers = ['--no-persistent-workers'] if task == 'classification' else []
    own = ('--work-dir', root / 'own', *no_workers)
    done = run_tool(tool_of(SCOPES[task], 'train.py'), root / 'work' / 'plain.py', *own, CUDA_VISIBLE_DEVICES='-1')
    assert done.returncode == 0, done.stderr
    assert 'distill.frskd.loss_teacher' in done.stdout
    last_weights(root / 'own')


def test_the_toolboxs_own_tool_predicts_the_same_of_a_checkpoint_and_of_its_exported_student(trained):
    task, root, _ = trained
    config, checkpoint, student = root / 'work' / 'plain.py', root / 'work' / 'iter_2.pth', root / 'student.pth'
    run_tool_here('tools/export_student.py', config, checkpoint, student)
    assert 'mmkd' not in student.with_suffix('.py').read_text()
    build(plain_student(task), SCOPES[task]).load_state_dict(weights(student), strict=True)
    predictions, metrics = {}, []
    for name, files in dict(distilled=(config, checkpoint), plain=(student.with_suffix('.py'), student)).items():
        out = root / f'{name}.pkl'
        tool = tool_of(SCOPES[task], 'test.py')
        metrics.append(metric(run_tool_here(tool, *files, '--work-dir', root / name, '--out', out)))
        predictions[name] = [predicted(sample) for sample in load(out)]
    distilled, plain = predictions['distilled'], predictions['plain']
    assert len(plain) == 6 and all(len(sample) for sample in plain)
    assert all(torch.equal(*pair) for pair in zip(distilled, plain, strict=True))
    ours = run_tool_here('tools/test.py', config, checkpoint, '--device', 'cpu', '--work-dir', root / 'ours')
    assert metrics == [metric(ours)] * 2


def predicted(sample):
    """Scores of the classes, or boxes with scores."""
    if 'pred_score' in sample:
        return sample['pred_score']
    boxes = sample['pred_instances']
    return torch.cat([boxes['bboxes'], boxes['scores'][:, None], boxes['labels'][:, None]], dim=1)


def metric(printed):
    return re.findall(r'(?:accuracy/top1|coco/bbox_mAP_50): (-?[\d.]+)', printed)[-1]
