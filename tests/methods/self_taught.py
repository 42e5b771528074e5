"""Students that teach themselves by DRG, DSR or SelfAttention, and batches for them."""

import torch

from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    detection_batch,
    distilling,
    segmentation_batch,
)

KINDS = ('DRG', 'DSR', 'SelfAttention')
BATCHES = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)


def self_taught(task, kind, **arguments):
    """A student with one method of this kind, called ``method``."""
    methods = dict(method=dict(type=f'mmkd.{kind}', **arguments))
    return build(distilling(STUDENTS[task](), methods), SCOPES[task])


def four_images(task):
    """Twice two images and their data samples; images of one task have the same number of labels each."""
    if task == 'classification':
        return classification_batch()
    if task == 'segmentation':
        return segmentation_batch(batch=4)
    images, samples = detection_batch()
    return torch.cat([images, images.flip(-1)]), [*samples, *detection_batch()[1]]
