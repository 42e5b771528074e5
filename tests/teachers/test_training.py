"""A training with a teacher, as a user runs it."""

import copy

import pytest
import torch
from mmengine.hooks import Hook

from tests.runs import config_of, last_weights, train, weights
from tests.students import SCOPES, STUDENTS, build, classification_batch, classifier, distilling
from tests.teachers import count_runs, teacher_of
from tests.test_training import HOOKS, Kill, same

TASKS = list(STUDENTS)
EMA = dict(type='EMAHook', momentum=0.1)


def quick(config, *, interval=100):
    """The config without validation, and with few checkpoints."""
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.default_hooks.checkpoint.update(interval=interval, save_last=True)
    return config


def taught_config(root, task='segmentation', methods=None, teacher=None, **changes):
    """A config whose student learns soft targets from a teacher of its own kind."""
    teacher = teacher or teacher_of(root, STUDENTS[task](), SCOPES[task])
    methods = methods or dict(kd=dict(type='mmkd.LogitKD'))
    return quick(config_of(root, distilling(STUDENTS[task](), methods, teacher=teacher), task=task, **changes))


class Listen(Hook):
    """Counts the images that the teachers look at, by iteration."""

    def before_train(self, runner):
        self.runs = [count_runs(teacher) for teacher in runner.model.distill.teachers]
        self.by_iteration = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.by_iteration.append([sum(runs) for runs in self.runs])
        for runs in self.runs:
            runs.clear()


def test_the_teacher_says_the_same_before_and_after_training_and_is_in_no_part_of_it(tmp_path):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain')
    config = taught_config(tmp_path, 'classification', teacher=teacher, custom_hooks=[copy.deepcopy(EMA)], max_iters=3)
    config.optim_wrapper.optimizer.update(lr=1.0, weight_decay=0.5)
    before = build(classifier(), 'mmpretrain', seed=3).eval()
    runner = train(config)
    after = runner.model.distill.teachers[0].model
    images = classification_batch()[0]
    with torch.no_grad():
        assert torch.equal(before(images), after(images))
    assert same(after.state_dict(), before.state_dict())

    theirs = {value.data_ptr() for value in (*after.parameters(), *after.buffers())}
    optimized = [p for group in runner.optim_wrapper.param_groups for p in group['params']]
    assert theirs.isdisjoint(p.data_ptr() for p in optimized)
    assert len(optimized) == len(list(build(classifier(), 'mmpretrain').parameters()))
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model
    assert theirs.isdisjoint(value.data_ptr() for value in ema.state_dict().values())
    assert ema.module.distill.teachers[0] is runner.model.distill.teachers[0]
    checkpoint = torch.load(tmp_path / 'work' / 'iter_3.pth', weights_only=False)
    plain = build(classifier(), 'mmpretrain').state_dict()
    assert list(checkpoint['state_dict']) == list(plain)
    assert set(checkpoint['ema_state_dict']) == {'steps', *(f'module.{key}' for key in plain)}
    assert len(checkpoint['optimizer']['state']) == len(optimized)


@pytest.mark.parametrize('task', TASKS)
def test_weight_zero_needs_no_teacher_and_equals_plain_training_bit_for_bit(tmp_path, task):
    train(quick(config_of(tmp_path, task=task, max_iters=3)))
    plain = last_weights(tmp_path / 'work')
    off = dict(kd=dict(type='mmkd.LogitKD', weight=0), at=dict(type='mmkd.AttentionTransfer', weight=0))
    nowhere = dict(config='nowhere.py', checkpoint='nowhere.pth')
    changes = dict(work_dir=str(tmp_path / 'off'), max_iters=3)
    runner = train(taught_config(tmp_path, task, off, nowhere, **changes))
    assert runner.model.distill.teachers == []
    assert same(plain, last_weights(tmp_path / 'off'))


def test_a_teacher_runs_only_while_a_term_is_active_and_changes_nothing_before(tmp_path):
    ramp = dict(type='Ramp', begin=2, end=3, by_epoch=False)
    methods = dict(kd=dict(type='mmkd.LogitKD', weight=ramp))
    listen = Listen()
    train(quick(taught_config(tmp_path, methods=methods, max_iters=4), interval=2), listen)
    assert listen.by_iteration == [[0], [0], [2], [2]]
    train(quick(config_of(tmp_path, max_iters=4, work_dir=str(tmp_path / 'plain')), interval=2))
    files = [[tmp_path / name / f'iter_{iteration}.pth' for name in ('work', 'plain')] for iteration in (2, 4)]
    assert [same(*map(weights, pair)) for pair in files] == [True, False]


@pytest.mark.parametrize('task, by_epoch, cached', [('segmentation', False, False), ('classification', True, True)])
def test_a_killed_and_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path, task, by_epoch, cached):
    ramp = dict(type='Ramp', begin=1, end=4, by_epoch=False)
    methods = dict(
        kd=dict(type='mmkd.LogitKD', weight=ramp), fitnet=dict(type='mmkd.FeatureKD', weight=dict(ramp, begin=2))
    )
    config = STUDENTS[task]()
    if task == 'classification':
        config.backbone.base_channels, config.backbone.stem_channels, config.head.in_channels = 16, 16, 128
    teacher = teacher_of(tmp_path, config, SCOPES[task])

    def run(name, *hooks, **more):
        more.update(max_iters=2 if by_epoch else 4, by_epoch=by_epoch, work_dir=str(tmp_path / name))
        own = dict(teacher, cache=str(tmp_path / f'{name}_cache')) if cached else teacher
        custom = copy.deepcopy([*HOOKS, EMA])
        config = taught_config(tmp_path, task, copy.deepcopy(methods), own, custom_hooks=custom, **more)
        train(quick(config, interval=1), *hooks)

    run('straight')
    with pytest.raises(KeyboardInterrupt):
        run('again', Kill(at=4 if by_epoch else 3))
    run('again', resume=True)
    assert same(last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'again'))
    if task == 'classification':
        assert any(key.startswith('distill.') for key in last_weights(tmp_path / 'again'))


@pytest.mark.parametrize('task, views', [(TASKS[0], 1), (TASKS[1], 1), (TASKS[2], 1), (TASKS[1], 2)])
def test_epochs_after_the_first_do_without_the_teacher_where_augmentation_is_reproducible(tmp_path, task, views):
    teacher = dict(teacher_of(tmp_path, STUDENTS[task](), SCOPES[task]), cache=str(tmp_path / 'cache'))
    listen, epochs = Listen(), 2 if views == 1 else 5
    config = taught_config(tmp_path, task, teacher=teacher, by_epoch=True, max_iters=epochs)
    pipeline = config.train_dataloader.dataset.pipeline
    config.train_dataloader.dataset.pipeline = [
        pipeline[0],
        dict(type='mmkd.ReproducibleTransforms', transforms=pipeline[1:-1], num_views=views),
        pipeline[-1],
    ]
    config.default_hooks.checkpoint = None
    if task == 'detection':
        # padding depends on what else is in a batch
        config.train_dataloader.batch_size = 1
    train(config, listen)
    looks = [sum(images) for images in listen.by_iteration]
    per_epoch = len(looks) // epochs
    assert sum(looks[:per_epoch]) == 6
    if views == 1:
        assert sum(looks[per_epoch:]) == 0
    else:
        assert 0 < sum(looks[per_epoch:]) <= 6


def test_random_augmentation_without_it_is_never_remembered_wrongly(tmp_path):
    teacher = dict(teacher_of(tmp_path, STUDENTS['segmentation'](), 'mmseg'), cache=str(tmp_path / 'cache'))
    listen = Listen()
    runner = train(taught_config(tmp_path, teacher=teacher, by_epoch=True, max_iters=2), listen)
    cache = runner.model.distill.teachers[0].cache
    assert [sum(images) for images in listen.by_iteration] == [2] * 6 and (cache.hits, cache.misses) == (0, 12)


@pytest.mark.parametrize('autocast', [None, 'float16'])
def test_mixed_precision_trains(tmp_path, autocast):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain', autocast=autocast)
    config = taught_config(tmp_path, 'classification', teacher=teacher, max_iters=2)
    config.optim_wrapper.type = 'mmkd.AutocastOptimWrapper'
    runner = train(config)
    assert all(value.isfinite().all() for value in runner.model.state_dict().values())
    assert {p.dtype for p in runner.model.distill.teachers[0].model.parameters()} == {torch.float32}
