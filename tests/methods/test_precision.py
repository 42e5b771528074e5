"""Every method on every task it is defined for, in mixed precision and on batches that lack something."""

import pytest
import torch
from mmengine.logging import MessageHub

from tests.detectors import tiny_detector, total
from tests.students import (
    FRSKDS,
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    detection_batch,
    distilling,
    segmentation_batch,
)
from tests.subnets import dynamic
from tests.teachers import teacher_of

ALL = tuple(STUDENTS)
WITH_SOFTMAX = ('classification', 'segmentation', 'two_stages')
# The method, its arguments and the students it is defined for.
METHODS = [
    ('AttentionTransfer', {}, ALL),
    ('ChannelWiseKD', {}, ALL),
    ('ChannelWiseKD', dict(source='logits'), ('segmentation',)),
    ('CIRKD', {}, ALL),
    ('DIST', {}, WITH_SOFTMAX),
    ('DKD', {}, WITH_SOFTMAX),
    ('DRG', {}, ALL),
    ('DSR', dict(reference='mean'), ALL),
    ('EKD', {}, (*ALL, 'two_stages')),
    ('FeatureKD', {}, ALL),
    *[('FRSKD', {key: value for key, value in FRSKDS[kind].items() if key != 'type'}, (kind,)) for kind in ALL],
    ('LogitKD', {}, (*ALL, 'two_stages')),
    ('MGD', {}, ALL),
    ('MLKD', {}, ALL),
    ('PairwiseSimilarity', {}, ALL),
    ('PKD', dict(source='backbone'), ALL),
    ('ReviewKD', {}, ALL),
    ('RKD', {}, ('classification',)),
    ('SelfAttention', {}, ALL),
    ('SimilarityPreserving', {}, ALL),
    ('TRG', {}, ALL),
]
CASES = [
    pytest.param((name, arguments, kind), id=f'{name}-{kind}') for name, arguments, kinds in METHODS for kind in kinds
]
UNTAUGHT = {'DRG', 'DSR', 'EKD', 'FRSKD', 'SelfAttention'}
MODELS = dict(STUDENTS, two_stages=lambda: tiny_detector('faster_rcnn'))
TOOLBOXES = dict(SCOPES, two_stages='mmdet')
LATER = dict(type='Ramp', begin=5, end=6, by_epoch=False)


@pytest.fixture(scope='module')
def teachers(tmp_path_factory):
    return {kind: teacher_of(tmp_path_factory.mktemp(kind), MODELS[kind](), TOOLBOXES[kind]) for kind in MODELS}


def batch_of(kind):
    """Images and data samples; no two labels of a batch or image are the same."""
    if kind == 'classification':
        return classification_batch()
    if kind == 'segmentation':
        return segmentation_batch()
    return detection_batch(size=64, boxes=((8.0, 8.0, 50.0, 50.0), (20.0, 10.0, 60.0, 60.0)))


def made(case, teachers, **changes):
    name, arguments, kind = case
    teacher = {} if name in UNTAUGHT else dict(teacher=teachers[kind])
    method = dict(type=f'mmkd.{name}', **{**arguments, **changes})
    config = dynamic(MODELS[kind]()) if name == 'EKD' else MODELS[kind]()
    return build(distilling(config, dict(method=method), **teacher), TOOLBOXES[kind])


@pytest.fixture(scope='module', params=CASES)
def case(request):
    return request.param


@pytest.fixture(scope='module')
def student(case, teachers):
    return made(case, teachers)


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
