"""Every method on every task it is defined for, in mixed precision and on batches that lack something."""

import pytest
import torch
from mmengine.logging import MessageHub

from tests.detectors import total
from tests.methods.every_method import MODELS, TOOLBOXES, batch_of, made
from tests.students import build, detection_batch, segmentation_batch

LATER = dict(type='Ramp', begin=5, end=6, by_epoch=False)


def step(model, images, samples, autocast=False):
    """The losses of one step, which leaves gradients behind."""
    torch.manual_seed(0)
    model.zero_grad()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        losses = model.loss(images, samples)
    total(losses).backward()
    return losses


def check(model, losses):
    """The method computed something, in float32, and every parameter has a finite gradient."""
    terms = {key: value for key, value in losses.items() if key.startswith('distill.')}
    assert terms and all(value.dtype == torch.float32 and value.isfinite() for value in terms.values())
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == []
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def skip_mixed_proposals(case):
    if case[2] == 'two_stages':
        pytest.skip('NMS of mmcv takes no bfloat16 on a CPU')


def test_mixed_precision(case, student):
    skip_mixed_proposals(case)
    check(student, step(student.train(), *batch_of(case[2]), autocast=True))


@pytest.mark.parametrize('autocast', [False, True])
def test_large_features(case, student, autocast):
    if autocast:
        skip_mixed_proposals(case)
    images, samples = batch_of(case[2])
    # Batch statistics would bring the features back to the usual size.
    check(student, step(student.eval(), 1e4 * images, samples, autocast))


def single_class(kind):
    images, samples = batch_of(kind)
    for sample in samples:
        for truth in (value for key, value in sample.all_items() if key.startswith('gt_')):
            labels = truth if isinstance(truth, torch.Tensor) else truth.get('labels', truth.get('data'))
            labels.fill_(1)
    return images, samples


def one_image(kind):
    images, samples = segmentation_batch(size=64) if kind == 'segmentation' else batch_of(kind)
    return images[:1], samples[:1]


def nothing_to_learn(kind):
    return segmentation_batch(void=True) if kind == 'segmentation' else detection_batch(size=64, boxes=())


@pytest.mark.parametrize('batch', [single_class, one_image, nothing_to_learn])
def test_batches_that_lack_something(case, student, batch):
    if case[2] == 'classification' and batch is nothing_to_learn:
        pytest.skip('every image has a label')
    check(student, step(student.train(), *batch(case[2])))


@pytest.mark.parametrize('weight', [0.0, LATER])
def test_a_method_that_is_off_changes_nothing(case, teachers, weight):
    plain, off = build(MODELS[case[2]](), TOOLBOXES[case[2]]), made(case, teachers, weight=weight)
    MessageHub.get_current_instance().update_info('iter', 0)
    batch = batch_of(case[2])
    losses, others = step(plain, *batch), step(off, *batch)
    assert {key: value for key, value in others.items() if 'distill' not in key}.keys() == losses.keys()
    assert total(losses) == total(others)
    own = {name: parameter for name, parameter in off.named_parameters() if not name.startswith('distill.')}
    for name, parameter in plain.named_parameters():
        assert torch.equal(parameter.grad, own[name].grad)
    rest = [parameter for name, parameter in off.named_parameters() if name.startswith('distill.')]
    assert all(parameter.grad.eq(0).all() for parameter in rest) and not (weight == 0 and rest)
