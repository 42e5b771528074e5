"""How good a teacher is, before training."""

import copy
import re

import pytest
from mmengine.runner import Runner

from tests.runs import config_of, last_weights, train
from tests.students import SCOPES, STUDENTS, classifier, distilling, segmentor
from tests.teachers import teacher_of
from tests.test_training import HOOKS, same

METHODS = dict(at=dict(type='mmkd.AttentionTransfer'))
HOOK = dict(type='mmkd.EvalTeacherHook')


def config(root, teacher, task='segmentation', hooks=(), **changes):
    made = config_of(root, distilling(STUDENTS[task](), copy.deepcopy(METHODS), teacher=teacher), task=task, **changes)
    made.custom_hooks = copy.deepcopy([*HOOKS, *hooks])
    return made


def lines(log):
    return re.findall(r'teacher (\S+): (.*)', log)


def log_of(work_dir):
    return next(work_dir.glob('*/*.log')).read_text()


@pytest.mark.parametrize('task', list(STUDENTS))
def test_the_metric_is_that_of_the_teacher_as_a_model_of_its_own(tmp_path, task):
    model = STUDENTS[task]()
    if task == 'segmentation':
        model.data_preprocessor.update(mean=[60.0] * 3, std=[50.0] * 3, bgr_to_rgb=True)
    if task == 'classification':
        model.data_preprocessor = dict(type='ClsDataPreprocessor', mean=[9.0] * 3, std=[9.0] * 3, num_classes=5)
    teacher = teacher_of(tmp_path, model, SCOPES[task])
    if task == 'detection':
        # random weights make no box certain
        teacher['config']['test_cfg'] = dict(teacher['config']['test_cfg'], score_thr=0.0)
    train(config(tmp_path, teacher, task, [HOOK], max_iters=1, work_dir=str(tmp_path / 'taught')))
    ((name, told),) = lines(log_of(tmp_path / 'taught'))
    assert name == model.type

    alone = config_of(tmp_path, teacher['config'], task=task, work_dir=str(tmp_path / 'alone'))
    alone.model.pop('_scope_')
    alone.load_from = teacher['checkpoint']
    metrics = Runner.from_cfg(alone).val()
    assert told == ', '.join(f'{key}={value:.4g}' for key, value in metrics.items())


def test_training_goes_on_bit_by_bit_as_without_the_hook(tmp_path):
    teacher = teacher_of(tmp_path, segmentor(), 'mmseg')
    for name, hooks in (('without', []), ('with', [HOOK])):
        made = config(tmp_path, teacher, hooks=hooks, max_iters=3, work_dir=str(tmp_path / name))
        # without the hook that keeps validation from influencing training
        made.custom_hooks = made.custom_hooks[1:]
        for loader in (made.train_dataloader, made.val_dataloader):
            loader.update(num_workers=1, persistent_workers=True)
        train(made)
    assert len(lines(log_of(tmp_path / 'with'))) == 1 and lines(log_of(tmp_path / 'without')) == []
    assert same(last_weights(tmp_path / 'without'), last_weights(tmp_path / 'with'))


def test_only_teachers_of_the_same_task_and_classes_are_evaluated(tmp_path):
    other = classifier()
    other.backbone.update(type='ResNet', out_indices=(0, 1, 2, 3))
    teachers = [
        teacher_of(tmp_path, segmentor(), 'mmseg'),
        teacher_of(tmp_path, segmentor(num_classes=3), 'mmseg'),
        teacher_of(tmp_path, other, 'mmpretrain'),
    ]
    runner = train(config(tmp_path, teachers, hooks=[HOOK], max_iters=1))
    told = [text for _, text in lines(log_of(tmp_path / 'work'))]
    assert told[0].startswith('aAcc=')
    assert told[1] == 'not evaluated, because it has 3 classes and the student 5'
    assert told[2] == (
        'not evaluated, because it is a classification model and the validation data is for segmentation'
    )
    assert not any(module.training for teacher in runner.model.distill.teachers for module in teacher.model.modules())


def test_validation_data_is_needed(tmp_path):
    made = config(tmp_path, teacher_of(tmp_path, segmentor(), 'mmseg'), hooks=[HOOK], max_iters=1)
    made.val_dataloader = made.val_cfg = made.val_evaluator = None
    with pytest.raises(ValueError, match='the config has no val_dataloader: add one, or leave --eval-teacher out'):
        train(made)


def test_a_plain_student_has_nobody_to_evaluate(tmp_path):
    train(config_of(tmp_path, max_iters=1, custom_hooks=[dict(HOOK)]))
    assert lines(log_of(tmp_path / 'work')) == []
