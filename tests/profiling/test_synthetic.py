import pytest
import torch
from mmengine.dataset import pseudo_collate

from mmkd.profiling.synthetic import BOXES, SyntheticImages
from tests.students import build, classifier, detector, segmentor

TASKS = [
    ('classification', 'mmpretrain', classifier, 5),
    ('segmentation', 'mmseg', segmentor, 5),
    ('detection', 'mmdet', detector, 3),
]


@pytest.mark.parametrize('task, scope, student, classes', TASKS, ids=[task for task, *_ in TASKS])
def test_a_student_of_each_task_learns_from_them(task, scope, student, classes):
    model = build(student(), scope)
    images = SyntheticImages(task, classes, (64, 64), 2)
    batch = pseudo_collate([images[0], images[1]])
    data = model.data_preprocessor(batch, training=True)
    if isinstance(data['inputs'], list):
        data['inputs'] = torch.stack(data['inputs']).float()
    total, _ = model.parse_losses(model(**data, mode='loss'))
    assert total > 0 and torch.isfinite(total)


def test_images_differ_from_each_other_but_not_from_call_to_call():
    images = SyntheticImages('segmentation', 5, (6, 4), 2)
    again = SyntheticImages('segmentation', 5, (6, 4), 2)
    assert len(images) == 2 and images[0]['inputs'].shape == (3, 6, 4) and images[0]['inputs'].dtype == torch.uint8
    assert torch.equal(images[1]['inputs'], again[1]['inputs'])
    assert not torch.equal(images[0]['inputs'], images[1]['inputs'])
    assert images[0]['data_samples'].gt_sem_seg.data.shape == (1, 6, 4)
    with pytest.raises(IndexError):
        images[2]


@pytest.mark.parametrize('masks', [False, True])
def test_boxes_lie_in_the_image_and_masks_fill_them(masks):
    truth = SyntheticImages('detection', 3, (40, 80), 1, masks)[0]['data_samples'].gt_instances
    left, top, right, bottom = truth.bboxes.unbind(1)
    assert len(truth) == BOXES and truth.labels.max() < 3
    assert (left < right).all() and (top < bottom).all() and right.max() <= 80 and bottom.max() <= 40
    assert ('masks' in truth) == masks
    if masks:
        areas = (right.round() - left.round()) * (bottom.round() - top.round())
        assert truth.masks.areas.tolist() == areas.tolist()
