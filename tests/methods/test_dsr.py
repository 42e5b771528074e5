import copy

import pytest
import torch
from mmengine.logging import MessageHub

from mmkd.losses import binary_soft_target_loss, ranked_shape_loss
from tests import reference
from tests.detectors import batch_of, tiny_detector
from tests.runs import config_of, last_weights, train
from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    classifier,
    detection_batch,
    distilling,
    segmentation_batch,
)
from tests.test_training import Kill

BATCHES = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)
DSR = dict(type='mmkd.DSR')
KEY = 'distill.dsr.loss_shape'


def student(task='classification', **dsr):
    return build(distilling(STUDENTS[task](), dict(dsr=dict(DSR, **dsr))), SCOPES[task])


class Step:
    """A step of a classifier that hands over given logits."""

    class Task:
        name = 'classification'

        def decisive_logits(self, step):
            return step.logits, False

    task = Task()

    def __init__(self, logits):
        self.logits = logits


def method(**dsr):
    return student(**dsr).distill.methods['dsr']


def test_the_recorded_steps():
    steps = reference.load('lightskd')['method']['three_steps']['steps']
    dsr = method()
    for number, step in enumerate(steps):
        value = dsr.losses(Step(torch.tensor(step['main'])))['loss_shape']
        assert value.item() == pytest.approx(step['ranked_shape'] if number else 0.0, rel=1e-5, abs=1e-6)


def test_rows_are_compared_with_those_of_the_step_before():
    first, second = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0))
    dsr = method(shape_weight=3.0, temperature=2.0)
    start = dsr.losses(Step(first.requires_grad_()))['loss_shape']
    assert start == 0 and start.requires_grad
    value = dsr.losses(Step(second))['loss_shape']
    torch.testing.assert_close(value, 3 * ranked_shape_loss(second, (first / 2).softmax(1).sort(1).values, 2.0))


def test_a_batch_of_another_size_is_compared_with_the_mean():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    dsr = method()
    dsr.losses(Step(logits[:4]))
    value = dsr.losses(Step(logits[4:]))['loss_shape']
    profile = (logits[:4] / 4).softmax(1).sort(1).values.mean(0)
    torch.testing.assert_close(value, ranked_shape_loss(logits[4:], profile, 4.0))


def test_a_moving_average_of_means():
    batches = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    dsr = method(reference='ema', momentum=0.8)
    for batch in batches:
        value = dsr.losses(Step(batch))['loss_shape']
    means = [(batch / 4).softmax(1).sort(1).values.mean(0) for batch in batches]
    torch.testing.assert_close(value, ranked_shape_loss(batches[2], 0.8 * means[0] + 0.2 * means[1], 4.0))


def test_the_order_of_classes_does_not_matter_and_equal_batches_have_no_distance():
    logits = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    dsr = method()
    dsr.losses(Step(logits))
    assert dsr.losses(Step(logits[:, [3, 1, 4, 0, 2]]))['loss_shape'].item() == pytest.approx(0, abs=1e-6)


def test_every_epoch_starts_anew():
    MessageHub.get_current_instance().update_info_dict(dict(max_iters=6, max_epochs=2))
    dsr = method()
    values = []
    for iteration, logits in enumerate(torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(0))):
        MessageHub.get_current_instance().update_info('iter', iteration)
        values.append(dsr.losses(Step(logits))['loss_shape'].item())
    assert [value > 0 for value in values] == [False, True, True] * 2


@pytest.mark.parametrize('task', list(STUDENTS))
@pytest.mark.parametrize('kind', ['previous', 'mean', 'ema'])
def test_every_task_has_a_value_from_the_second_step_on(task, kind):
    model = student(task, reference=kind)
    assert model.loss(*BATCHES[task]())[KEY] == 0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.parse_losses(model.loss(*BATCHES[task]()))[0].backward()
    optimizer.step()
    losses = model.loss(*BATCHES[task]())
    assert losses[KEY] > 0
    losses[KEY].backward()


def test_sigmoid_heads_are_compared_rank_by_rank():
    model = student('detection')
    batch = detection_batch()
    model.loss(*batch)
    reference_, model.distill.methods['dsr'].reference = model.distill.methods['dsr'].reference, torch.rand(1, 3) / 2
    target = model.distill.methods['dsr'].reference
    scores = []
    model.distill.task.decisive_logits, decisive = None, model.distill.task.decisive_logits
    model.distill.task.decisive_logits = lambda step: scores.append(decisive(step)) or scores[-1]
    value = model.loss(*batch)[KEY]
    rows, binary = scores[0]
    assert binary and rows.shape[1] == 3 and 0 < len(rows) < 200 and reference_.shape == (1, 3)
    expected = binary_soft_target_loss(rows.sort(1).values, 4 * target.logit().expand_as(rows), temperature=4.0)
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize('name', ['fcos', 'gfl', 'faster_rcnn'])
def test_detectors_without_a_box_keep_the_reference(name):
    model = build(distilling(tiny_detector(name), dict(dsr=DSR)), 'mmdet')
    model.loss(*batch_of(name))
    kept = model.distill.methods['dsr'].reference.clone()
    losses = model.loss(*batch_of(name, counts=(0, 0)))
    assert losses[KEY] == 0 and losses[KEY].requires_grad
    assert torch.equal(model.distill.methods['dsr'].reference, kept)


def test_void_pixels_have_no_shape():
    model = student('segmentation')
    model.loss(*segmentation_batch())
    assert model.loss(*segmentation_batch(void=True))[KEY] == 0


def test_the_reference_travels_with_the_checkpoint_and_a_plain_one_loads():
    model = student()
    model.loss(*classification_batch())
    other = student()
    other.load_state_dict(copy.deepcopy(model.state_dict()), strict=True)
    assert torch.equal(other.distill.methods['dsr'].reference, model.distill.methods['dsr'].reference)
    student().load_state_dict(build(classifier(), 'mmpretrain').state_dict(), strict=True)


@pytest.mark.parametrize('kind', ['previous', 'mean', 'ema'])
def test_a_reference_of_other_classes_is_forgotten(kind):
    other = method(reference=kind)
    other.losses(Step(torch.randn(4, 5)))
    dsr = method(reference=kind)
    dsr.load_state_dict(other.state_dict())
    batches = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    start, value = (dsr.losses(Step(batch))['loss_shape'] for batch in batches)
    assert start == 0 and value > 0 and dsr.reference.shape[1] == 3


@pytest.mark.parametrize('task, by_epoch, ema', [
    ('classification', True, False), ('classification', False, True), ('segmentation', False, True)])
def test_a_killed_and_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path, task, by_epoch, ema):
    hooks = [dict(type='mmkd.RandomStateHook'), *([dict(type='EMAHook', momentum=0.1)] if ema else [])]

    def config(name, **more):
        methods = dict(dsr=dict(DSR, shape_weight=5.0), drg=dict(type='mmkd.DRG'))
        return config_of(tmp_path, distilling(STUDENTS[task](), methods), task=task, by_epoch=by_epoch,
                         max_iters=2 if by_epoch else 5, custom_hooks=copy.deepcopy(hooks),
                         work_dir=str(tmp_path / name), **more)

    train(config('straight'))
    with pytest.raises(KeyboardInterrupt):
        train(config('again'), Kill(at=4 if by_epoch else 3))
    train(config('again', resume=True))
    straight, again = last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'again')
    assert straight.keys() == again.keys() and 'distill.methods.dsr._extra_state' in straight
    assert [key for key in straight if not torch.equal(straight[key], again[key])] == []


def test_accumulated_gradients_compare_micro_batches(tmp_path):
    changes = {'optim_wrapper.accumulative_counts': 2}
    runner = train(config_of(tmp_path, distilling(classifier(), dict(dsr=DSR)), task='classification', **changes))
    assert runner.model.distill.methods['dsr'].reference.shape == (2, 5)


@pytest.mark.parametrize('arguments, message', [
    (dict(reference='next'), r"reference='next', but it must be one of \('previous', 'mean', 'ema'\)"),
    (dict(momentum=1.0), 'momentum=1.0, but a number from 0 to below 1'),
    (dict(shape_weight=-1), 'DSR.shape_weight is -1'),
])
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(ValueError, match=message):
        student(**arguments)
