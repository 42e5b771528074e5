"""Every method on every task it is defined for."""

import pytest

from tests.detectors import tiny_detector
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
