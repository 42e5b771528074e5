"""Methods that relate the samples of all processes are trained as by one process with the joint batch."""

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

from mmkd.tasks.multi_view import unfold_views
from tests.detectors import total
from tests.processes import run_in_two
from tests.students import SCOPES, STUDENTS, build, classification_batch, distilling, segmentation_batch
from tests.teachers import teacher_of

# All tokens take part, so that what is drawn in one process is what is drawn in two.
TRG = dict(type='mmkd.TRG', tokens_per_image=64, num_neighbors=5, global_temperature=0.2, gather=True)
TRG_RELATIONS = dict(TRG, logit_weight=0, contextual_weight=0)
MLKD = dict(type='mmkd.MLKD', individual_channels=32, embedding_channels=16, categorical_temperature=0.2, gather=True)
MLKD_RELATIONS = dict(MLKD, individual_weight=0)
EVEN, UNEVEN = [(0, 2), (2, 4)], [(0, 3), (3, 4)]


def half_void():
    """The second process has nothing to relate."""
    images, samples = segmentation_batch(batch=4)
    for sample in samples[2:]:
        sample.gt_sem_seg.data.fill_(255)
    return images, samples


def four_views():
    """Four images, each turned by all quarter turns."""
    images, samples = classification_batch()
    turned = [torch.stack([image.rot90(turn, (1, 2)) for turn in range(4)]) for image in images]
    views = unfold_views(dict(inputs=turned, data_samples=samples))
    return torch.stack(views['inputs']), views['data_samples']


CASES = {
    'TRG': ('classification', classification_batch(), TRG, EVEN),
    'TRG, segmentation': ('segmentation', segmentation_batch(batch=4), TRG, EVEN),
    'MLKD': ('classification', classification_batch(), MLKD, EVEN),
    'MLKD, four views': ('classification', four_views(), dict(MLKD, num_views=4), [(0, 8), (8, 16)]),
    'MLKD, segmentation': ('segmentation', segmentation_batch(batch=4), MLKD, EVEN),
    # The other terms, and the student's own loss, are means over what a process has.
    'TRG, uneven': ('classification', classification_batch(), TRG_RELATIONS, UNEVEN),
    'TRG, one without': ('segmentation', half_void(), TRG_RELATIONS, EVEN),
    'MLKD, uneven': ('classification', classification_batch(), MLKD_RELATIONS, UNEVEN),
    'MLKD, one without': ('segmentation', half_void(), MLKD_RELATIONS, EVEN),
}


def gradients(name, teachers, rank=None):
    """Gradients of the parameters after a step with the images of one process, or all."""
    task, (images, samples), method, shares = CASES[name]
    model = build(distilling(STUDENTS[task](), dict(method=method), teacher=teachers[task]), SCOPES[task])
    # With fixed statistics, images of a batch meet in the relations alone.
    model = model.double().eval()
    own = slice(None) if rank is None else slice(*shares[rank])
    runner = model if rank is None else DistributedDataParallel(model)
    losses = runner(images[own].double(), samples[own], mode='loss')
    if 0 in method.values():
        losses = {key: value if key.startswith('distill') else 0 * value for key, value in losses.items()}
    total(losses).backward()
    return {key: parameter.grad for key, parameter in model.named_parameters()}


def work(rank, teachers):
    return {name: gradients(name, teachers, rank) for name in CASES}


@pytest.fixture(scope='module')
def teachers(tmp_path_factory):
    tasks = {task for task, *_ in CASES.values()}
    return {task: teacher_of(tmp_path_factory.mktemp(task), STUDENTS[task](), SCOPES[task]) for task in tasks}


@pytest.fixture(scope='module')
def processes(tmp_path_factory, teachers):
    return run_in_two(work, tmp_path_factory.mktemp('processes'), teachers)


@pytest.mark.parametrize('name', CASES)
def test_two_processes_are_one_with_the_joint_batch(processes, teachers, name):
    expected = gradients(name, teachers)
    assert any('distill' in key for key in expected)
    for found in processes:
        for key, gradient in expected.items():
            torch.testing.assert_close(found[name][key], gradient, rtol=1e-6, atol=1e-8)
