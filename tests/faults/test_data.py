"""Data that is not where the config says, or not what it says."""
import shutil

import pytest
import torch

from tests.faults import check_refused, check_tool_refuses
from tests.runs import config_of, write_config
from tests.students import (
    FRSKDS,
    STUDENTS,
    build,
    classification_batch,
    detection_batch,
    distilling,
    segmentation_batch,
)

TASKS = ('segmentation', 'classification', 'detection')
SCOPE = dict(segmentation='mmseg', classification='mmpretrain', detection='mmdet')
BATCH = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)
GONE = {
    'images of segmentation': ('segmentation', 'images', 'images'),
    'images of classification': ('classification', 'images', 'images'),
    'boxes of detection': ('detection', 'boxes.json', 'boxes.json'),
    'one image of detection': ('detection', 'images/3.jpg', '3.jpg'),
    'one label map': ('segmentation', 'labels/3.png', '3.png'),
}


@pytest.mark.parametrize('name', GONE)
def test_data_that_is_gone_is_told(tmp_path, name):
    task, gone, found = GONE[name]
    config = write_config(config_of(tmp_path, distilled(task), task=task, max_iters=6), tmp_path / 'config.py')
    path = tmp_path / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    check_tool_refuses('tools/train.py', config, '--device', 'cpu', found=[found])


@pytest.mark.parametrize('task', TASKS)
def test_data_of_other_classes_is_told(tmp_path, task):
    config = write_config(config_of(tmp_path, distilled(task, num_classes=4), task=task), tmp_path / 'config.py')
    check_tool_refuses('tools/train.py', config, '--device', 'cpu', found=['num_classes=4'])


@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_batch_that_is_not_finite_is_told(task, value):
    model = build(distilled(task), SCOPE[task])
    images, samples = BATCH[task]()
    images[0, :, :4] = value
    check_refused(lambda: model.loss(images, samples), "'mine'", 'distill.mine.loss_', error=FloatingPointError)


@pytest.mark.parametrize('task', TASKS)
def test_weights_that_are_not_finite_are_told(task):
    model = build(distilled(task), SCOPE[task])
    with torch.no_grad():
        next(model.backbone.parameters()).fill_(float('nan'))
    check_refused(lambda: model.loss(*BATCH[task]()), "'mine'", 'nan', error=FloatingPointError)


def distilled(task, **student):
    return distilling(STUDENTS[task](**student), dict(mine=dict(FRSKDS[task])))
