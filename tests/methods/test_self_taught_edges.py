"""DRG, DSR and SelfAttention switched off, and on maps and batches with next to nothing in them."""

import pytest
import torch

from tests.detectors import total
from tests.methods.self_taught import BATCHES, KINDS, four_images, self_taught
from tests.runs import config_of, last_weights, train
from tests.students import STUDENTS, detection_batch, distilling, segmentation_batch

NEVER = dict(type='Ramp', begin=90, end=90, by_epoch=False)


@pytest.mark.parametrize('task', list(STUDENTS))
def test_methods_that_are_off_leave_the_plain_training_bit_for_bit(tmp_path, task):
    train(config_of(tmp_path, None, 2, task))
    plain = last_weights(tmp_path / 'work')
    for name, weight in (('off', 0), ('later', NEVER)):
        methods = {kind: dict(type=f'mmkd.{kind}', weight=weight) for kind in KINDS}
        train(config_of(tmp_path, distilling(STUDENTS[task](), methods), 2, task, work_dir=str(tmp_path / name)))
        found = last_weights(tmp_path / name)
        own = {key: value for key, value in found.items() if not key.startswith('distill.')}
        assert own.keys() == plain.keys() and (len(own) == len(found)) == (weight == 0)
        assert [key for key in plain if not torch.equal(plain[key], own[key])] == []


def single_positions(task):
    """Images so small that every stage has one position; four of them, as batch statistics of one do not exist."""
    if task == 'classification':
        images, samples = four_images(task)
        return images[..., :1, :1], samples
    if task == 'segmentation':
        return segmentation_batch(size=4, batch=4)
    return detection_batch(size=4, boxes=((0.0, 0.0, 4.0, 4.0),))


def single_image(task):
    """One image, so large that batch statistics exist in every stage."""
    images, samples = segmentation_batch(size=64) if task == 'segmentation' else BATCHES[task]()
    return images[:1], samples[:1]


def constant_maps(task):
    """Black images, of which every stage makes zeros."""
    images, samples = BATCHES[task]()
    return torch.zeros_like(images), samples


METHODS = [
    ('DRG', {}),
    ('DSR', dict(reference='previous')),
    ('DSR', dict(reference='ema')),
    *[('SelfAttention', dict(normalize=normalize, reduction=reduction, attention_weight=10.0))
      for normalize, reduction in (('softmax', 'sum'), ('l2', 'norm'), ('zscore', 'mean'))],
]


def two_steps(model, images, samples):
    """Terms of either step and their gradients; in between the weights change, so that DSR has what to learn."""
    terms = []
    for _ in range(2):
        model.zero_grad()
        losses = model.loss(images, samples)
        total(losses).backward()
        terms.append({key: value.item() for key, value in losses.items() if key.startswith('distill.')})
        torch.optim.SGD(model.parameters(), 1e-3).step()
    return terms


@pytest.mark.parametrize('task', list(STUDENTS))
@pytest.mark.parametrize('batch', [single_positions, single_image, constant_maps])
@pytest.mark.parametrize('kind, arguments', METHODS)
def test_terms_and_gradients_are_finite(kind, arguments, batch, task):
    model = self_taught(task, kind, **arguments)
    if batch is single_positions:
        # The statistics of a few positions would bring what a stage makes of them close to two values.
        model.backbone.eval()
    first, second = two_steps(model, *batch(task))
    assert first.keys() == second.keys() and first
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())
    if kind == 'SelfAttention':
        # One position has all of the attention, equal positions have equal shares of it.
        values = [*first.values(), *second.values()]
        assert all(value == 0 for value in values) == (batch is not single_image)
    if kind == 'DRG':
        assert first['distill.method.loss_head'] > 0 and second['distill.method.loss_head'] > 0
    if kind == 'DSR':
        assert list(first.values()) == [0] and all(value > -1e-6 for value in second.values())
