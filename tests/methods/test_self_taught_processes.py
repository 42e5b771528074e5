"""DRG, DSR and SelfAttention in two processes train as in one with the joint batch."""

import pytest
import torch
from mmengine.logging import MessageHub
from torch.nn.parallel import DistributedDataParallel

from tests.detectors import batch, total
from tests.methods.self_taught import four_images, self_taught
from tests.processes import mean, run_in_two
from tests.students import STUDENTS

LATER = dict(type='Ramp', begin=1, end=1, by_epoch=False)
VARIANTS = {
    # What is off at first must not keep distributed training waiting for gradients.
    'DRG, head later': ('DRG', dict(head_weight=LATER)),
    'DRG, all later': ('DRG', dict(weight=LATER)),
    'DSR, rows': ('DSR', dict(reference='previous')),
    'DSR, average': ('DSR', dict(reference='ema')),
    'SelfAttention, later': ('SelfAttention', dict(attention_weight=dict(LATER, stop=10.0))),
}
CASES = [(task, variant) for task in STUDENTS for variant in VARIANTS]
# Rows of pixels and boxes have no counterparts, so that their mean is taken even where rows are asked for.
MEANS = [(task, kind) for task in STUDENTS for kind in ('mean', 'ema')] + [
    ('segmentation', 'previous'), ('detection', 'previous')]


def student(task, variant):
    kind, arguments = VARIANTS[variant]
    model = self_taught(task, kind, **arguments)
    if task == 'detection' and kind == 'DRG':
        # Locations count by the confidence of the head, in a mean over a process: equally sure, all count the same.
        model.distill.methods.method.head.retina_cls.weight.data.zero_()
    # Batch statistics are those of a process by design; with fixed ones, images meet in the losses alone.
    return model.double().eval()


def second_step(task, variant, rank=None):
    """Terms of the second of two steps with the images of one process, or all, and gradients of all parameters."""
    model = student(task, variant)
    runner = model if rank is None else DistributedDataParallel(model)
    images, samples = four_images(task)
    own = slice(None) if rank is None else slice(2 * rank, 2 * rank + 2)
    for iteration, inputs in enumerate([-images, images]):
        MessageHub.get_current_instance().update_info('iter', iteration)
        model.zero_grad()
        losses = runner(inputs[own].double(), samples[own], mode='loss')
        total(losses).backward()
    terms = {key: value.detach() for key, value in losses.items() if key.startswith('distill.')}
    return terms, {key: parameter.grad for key, parameter in model.named_parameters()}


def padded(rank=None):
    """The gradients by SelfAttention alone, of which only the second process has padding."""
    model = self_taught('detection', 'SelfAttention').double().eval()
    runner = model if rank is None else DistributedDataParallel(model)
    images, samples = batch()
    own = slice(None) if rank is None else slice(rank, rank + 1)
    losses = runner(images[own].double(), samples[own], mode='loss')
    (value,) = (value for key, value in losses.items() if key.startswith('distill.'))
    (1e3 * value + 0 * total(losses)).backward()
    return {key: parameter.grad for key, parameter in model.named_parameters()}


def uneven(task):
    """Two batches of four images, of which the last two have fewer rows for DSR: some, then none."""
    images, samples = four_images(task)
    if task == 'segmentation':
        samples[2].gt_sem_seg.data[..., :16] = 255
        samples[3].gt_sem_seg.data.fill_(255)
    if task == 'detection':
        samples[2].gt_instances = samples[2].gt_instances[:1]
        samples[3].gt_instances = samples[3].gt_instances[:0]
    last = four_images(task)
    for sample in last[1][2:]:
        if task == 'segmentation':
            sample.gt_sem_seg.data.fill_(255)
        if task == 'detection':
            sample.gt_instances = sample.gt_instances[:0]
    return (-images, samples), last


def references(task, reference, rank=None):
    """What DSR compares with after each of two steps in which the second process has fewer rows than the first."""
    model = self_taught(task, 'DSR', reference=reference).double().eval()
    split = 3 if task == 'classification' else 2
    own = {None: slice(None), 0: slice(split), 1: slice(split, None)}[rank]
    found = []
    for images, samples in uneven(task):
        model.loss(images[own].double(), samples[own])
        found.append(model.distill.methods.method.reference)
    return found


def smaller_batch(rank):
    """The term of DSR for one image after two others, which it compares with the mean of their rows."""
    model = self_taught('classification', 'DSR', reference='previous').double().eval()
    images, samples = four_images('classification')
    for inputs, own in ((-images, slice(2 * rank, 2 * rank + 2)), (images, slice(2 * rank, 2 * rank + 1))):
        losses = model.loss(inputs[own].double(), samples[own])
    return losses['distill.method.loss_shape'].detach()


def work(rank):
    return {
        **{case: second_step(*case, rank) for case in CASES},
        **{case: references(*case, rank) for case in MEANS},
        'padded': padded(rank),
        'smaller': smaller_batch(rank),
    }


@pytest.fixture(scope='module')
def processes(tmp_path_factory):
    return run_in_two(work, tmp_path_factory.mktemp('processes'))


def check_gradients(found, expected):
    for key, gradient in expected.items():
        torch.testing.assert_close(found[key], gradient, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('task, variant', CASES)
def test_two_processes_have_the_terms_and_the_gradients_of_the_joint_batch(processes, task, variant):
    terms, gradients = second_step(task, variant)
    found = [process[task, variant] for process in processes]
    assert terms and all(value > 0 for value in terms.values())
    for key, value in terms.items():
        torch.testing.assert_close(mean(found[0][0][key], found[1][0][key]), value, rtol=1e-6, atol=0)
    for process in found:
        check_gradients(process[1], gradients)


def test_images_count_the_same_whether_their_process_has_padding_or_not(processes):
    expected = padded()
    assert any(gradient.abs().max() > 1e-6 for gradient in expected.values())
    for process in processes:
        check_gradients(process['padded'], expected)


@pytest.mark.parametrize('task, reference', MEANS)
def test_the_reference_of_dsr_is_the_mean_of_the_rows_of_all_processes_however_many_each_has(
        processes, task, reference):
    expected = references(task, reference)
    for process in processes:
        for found, joint in zip(process[task, reference], expected, strict=True):
            torch.testing.assert_close(found, joint, rtol=1e-9, atol=0)
    assert not torch.equal(*expected)


def test_rows_of_dsr_are_compared_within_a_process(processes):
    alone = [smaller_batch(rank) for rank in range(2)]
    assert not torch.isclose(*alone)
    for process, expected in zip(processes, alone, strict=True):
        assert torch.equal(process['smaller'], expected)
