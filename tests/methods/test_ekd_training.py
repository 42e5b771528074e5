"""What a user gets from a training with EKD: files, identities, exact resumption."""

import copy

import pytest

from tests.runs import config_of, last_weights, train
from tests.students import SCOPES, STUDENTS, build, distilling
from tests.subnets import dynamic_student
from tests.test_training import HOOKS, Kill, same

TWO = dict(r10=(1, 1, 1, 1), r14=(2, 1, 2, 1))


def plain_student(task):
    """The student as it is without sub-nets."""
    config = STUDENTS[task]()
    if task == 'detection':
        config.backbone.norm_eval = False
    return config


def config(root, task, ekd=(), norm='private', **changes):
    methods = dict(ekd=dict(type='mmkd.EKD', **dict(ekd)))
    return config_of(root, distilling(dynamic_student(task, norm, **TWO), methods), task=task, **changes)


def plain_part(state):
    """What a checkpoint has of the plain student."""
    return {key: value for key, value in state.items() if not key.startswith(('distill.', 'backbone.private_norms.'))}


@pytest.mark.parametrize('task', list(STUDENTS))
def test_weight_zero_trains_the_plain_student_bit_for_bit_and_a_weight_above_zero_does_not(tmp_path, task):
    train(config_of(tmp_path, plain_student(task), task=task))
    plain = last_weights(tmp_path / 'work')
    train(config(tmp_path, task, dict(weight=0), work_dir=str(tmp_path / 'off')))
    assert same(plain, plain_part(last_weights(tmp_path / 'off')))
    train(config(tmp_path, task, work_dir=str(tmp_path / 'on')))
    trained = plain_part(last_weights(tmp_path / 'on'))
    assert not same(plain, trained)
    build(plain_student(task), SCOPES[task]).load_state_dict(trained, strict=True)


@pytest.mark.parametrize(
    'task, arguments, norm, ema',
    [
        ('segmentation', dict(sample='random:1'), 'private', True),
        ('classification', dict(lean=True), 'shared', False),
        ('detection', dict(attention_weight=dict(type='Ramp', begin=1, end=4, by_epoch=False)), 'private', False),
    ],
)
def test_a_killed_and_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path, task, arguments, norm, ema):
    hooks = HOOKS + ([dict(type='EMAHook', momentum=0.1)] if ema else [])

    def made(name, **more):
        work_dir = str(tmp_path / name)
        return config(tmp_path, task, arguments, norm, max_iters=5, work_dir=work_dir, **more)

    for name, changes, kill in (('straight', {}, None), ('again', {}, Kill(at=3)), ('again', dict(resume=True), None)):
        run = made(name, custom_hooks=copy.deepcopy(hooks), **changes)
        if kill is None:
            train(run)
        else:
            with pytest.raises(KeyboardInterrupt):
                train(run, kill)
    assert same(last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'again'))
