"""What a user gets from a training: files, identities, exact resumption."""

import copy

import pytest
import torch
from mmengine.hooks import Hook

from tests.runs import config_of, last_weights, train, weights
from tests.students import (
    FRSKDS,
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    classifier,
    distilling,
    segmentation_batch,
    segmentor,
)

TASKS = list(STUDENTS)
HOOKS = [dict(type='mmkd.RandomStateHook')]
RAMP = dict(type='Ramp', begin=1, end=4, by_epoch=False)


def same(left, right):
    assert left.keys() == right.keys()
    return [key for key in left if not torch.equal(left[key], right[key])] == []


def distilled_config(root, frskd=None, task='segmentation', **changes):
    frskd = dict(frskd or FRSKDS[task])
    return config_of(root, distilling(STUDENTS[task](), dict(frskd=frskd)), task=task, **changes)


@pytest.mark.parametrize('task', TASKS)
def test_the_trained_file_loads_strictly_into_the_plain_student(tmp_path, task):
    train(distilled_config(tmp_path, task=task, max_iters=2))
    trained = last_weights(tmp_path / 'work')
    plain = build(STUDENTS[task](), SCOPES[task])
    plain.load_state_dict(
        {key: value for key, value in trained.items() if not key.startswith('distill.')}, strict=True
    )
    assert any(key.startswith('distill.') for key in trained)


@pytest.mark.parametrize('task', TASKS)
def test_weight_zero_equals_plain_training_bit_for_bit_and_a_weight_above_zero_does_not(tmp_path, task):
    train(config_of(tmp_path, task=task))
    plain = last_weights(tmp_path / 'work')
    off = dict(FRSKDS[task], weight=0)
    train(distilled_config(tmp_path, off, task, work_dir=str(tmp_path / 'off')))
    assert same(plain, last_weights(tmp_path / 'off'))
    train(distilled_config(tmp_path, task=task, work_dir=str(tmp_path / 'on')))
    distilled = last_weights(tmp_path / 'on')
    assert not torch.equal(plain['backbone.conv1.weight'], distilled['backbone.conv1.weight'])


@pytest.mark.parametrize(
    'task, by_epoch, ema, workers',
    [
        ('segmentation', False, True, 1),
        ('classification', True, False, 0),
        ('detection', True, True, 0),
        ('detection', False, False, 1),
    ],
)
def test_a_killed_and_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path, task, by_epoch, ema, workers):
    hooks = HOOKS + ([dict(type='EMAHook', momentum=0.1)] if ema else [])
    frskd = dict(
        FRSKDS[task],
        logit_weight=RAMP,
        feature_weight=dict(RAMP, stop=FRSKDS[task].get('feature_weight', 100.0)),
        temperature=dict(RAMP, start=1.0, stop=4.0),
    )

    def config(name, **more):
        changes = {'train_dataloader.num_workers': workers, 'custom_hooks': copy.deepcopy(hooks), **more}
        changes.update(max_iters=2 if by_epoch else 5, by_epoch=by_epoch, work_dir=str(tmp_path / name))
        return distilled_config(tmp_path, frskd, task, **changes)

    train(config('straight'))
    with pytest.raises(KeyboardInterrupt):
        # An epoch has three iterations: one more is lost.
        train(config('again'), Kill(at=4 if by_epoch else 3))
    train(config('again', resume=True))
    assert same(last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'again'))


class Kill(Hook):
    """Stops a training hard, after the checkpoint of an iteration."""

    def __init__(self, at):
        self.at = at

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        if runner.iter + 1 == self.at:
            raise KeyboardInterrupt


def test_ema_averages_the_student_and_is_what_is_saved(tmp_path):
    config = distilled_config(tmp_path, max_iters=2, custom_hooks=[dict(type='EMAHook', momentum=0.5)])
    runner = train(config)
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model.module
    saved = weights(tmp_path / 'work' / 'iter_2.pth')
    assert type(ema) is type(runner.model)
    key = 'backbone.layer1.0.conv1.weight'
    assert torch.equal(saved[key], ema.state_dict()[key])
    assert not torch.equal(saved[key], runner.model.state_dict()[key])


def test_load_from_takes_a_plain_checkpoint(tmp_path, capsys):
    train(config_of(tmp_path, max_iters=1))
    plain = tmp_path / 'work' / 'iter_1.pth'
    config = distilled_config(tmp_path, load_from=str(plain), work_dir=str(tmp_path / 'finetune'), max_iters=1)
    config.optim_wrapper.optimizer.lr = 0.0
    runner = train(config)
    key = 'decode_head.conv_seg.weight'
    assert torch.equal(runner.model.state_dict()[key], weights(plain)[key])
    assert 'do not match exactly' not in capsys.readouterr().out


def test_training_under_nan_stops_and_keeps_the_last_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError, match="'frskd' stops training at iteration 2"):
        train(distilled_config(tmp_path), Poison(at=2))
    last = tmp_path / 'work' / 'iter_2.pth'
    assert (tmp_path / 'work' / 'last_checkpoint').read_text() == str(last)
    assert all(value.isfinite().all() for value in weights(last).values())


class Poison(Hook):
    """Makes a weight of the student NaN before an iteration."""

    def __init__(self, at):
        self.at = at

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == self.at:
            runner.model.backbone.conv1.weight.data.fill_(float('nan'))


def test_a_wrong_class_count_is_said_before_training(tmp_path):
    config = config_of(
        tmp_path, distilling(segmentor(num_classes=4)), custom_hooks=[dict(type='mmkd.ClassCountHook')]
    )
    with pytest.raises(ValueError, match='num_classes=4, but its training data has 5 classes'):
        train(config)


def test_bfloat16_autocast_trains_on_a_cpu(tmp_path):
    config = distilled_config(tmp_path, max_iters=2)
    config.optim_wrapper.type = 'mmkd.AutocastOptimWrapper'
    runner = train(config)
    assert all(
        parameter.dtype == torch.float32 and parameter.isfinite().all() for parameter in runner.model.parameters()
    )


def test_channels_last_changes_the_layout(tmp_path):
    hook = dict(type='mmkd.ChannelsLastHook')
    runner = train(distilled_config(tmp_path, max_iters=1, custom_hooks=[hook]))
    assert runner.model.backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_channels_last_leaves_the_values():
    student = segmentor()
    student.decode_head.dropout_ratio = 0.0
    images, samples = segmentation_batch()
    # In float32 a batch norm over a few nearly equal values makes much of the order of a sum.
    first, last = (build(distilling(student)).double() for _ in range(2))
    last.to(memory_format=torch.channels_last)
    usual, other = (model.loss(images.double(), samples) for model in (first, last))
    assert any(key.startswith('distill.') for key in usual) and usual.keys() == other.keys()
    for key in usual:
        torch.testing.assert_close(other[key], usual[key], rtol=1e-9, atol=1e-9)
    for losses in (usual, other):
        sum(value for key, value in losses.items() if 'loss' in key).backward()
    for one, two in zip(first.parameters(), last.parameters(), strict=True):
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-6, atol=1e-9)


def test_gradients_may_be_accumulated(tmp_path):
    train(distilled_config(tmp_path, max_iters=4, **{'optim_wrapper.accumulative_counts': 2}))


def test_a_compiled_student_gives_the_same_losses():
    images, samples = classification_batch()
    methods = dict(frskd=dict(FRSKDS['classification']))
    eager = build(distilling(classifier(), methods), 'mmpretrain').loss(images, samples)
    model = build(distilling(classifier(), methods), 'mmpretrain')
    model.forward = torch.compile(model.forward, backend='aot_eager')
    for _ in range(2):
        compiled = model(images, samples, mode='loss')
    assert eager.keys() == compiled.keys()
    for key in eager:
        torch.testing.assert_close(compiled[key], eager[key], rtol=1e-4, atol=1e-5)
