import torch
from mmengine.structures import InstanceData

from mmkd.tasks import task_of
from tests.students import build, detector
from tests.tasks.hear import hear


def test_detection_features_logits_and_targets():
    from mmdet.structures import DetDataSample

    model = build(detector(), 'mmdet')
    sample = DetDataSample(metainfo=dict(img_shape=(64, 64), pad_shape=(64, 64), batch_input_shape=(64, 64)))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[4.0, 4.0, 40.0, 40.0]]), labels=torch.tensor([1]))
    task, record = hear(model, (torch.randn(1, 3, 64, 64), [sample]), ['backbone', 'neck', 'logits'])
    assert [level.shape[-1] for level in task.features(record, 'neck')] == [16, 8, 4, 2, 1]
    assert len(task.features(record, 'backbone')) == 4
    assert next(tuple(level.shape[1:]) for level in task.logits(record)) == (27, 16, 16)
    assert task.targets([sample])[0].labels.tolist() == [1]
    assert task.num_classes(model) == 3


def test_two_stage_detectors_give_the_scores_of_their_proposals():
    model = build(detector(), 'mmdet')
    model.roi_head = torch.nn.Module()
    model.roi_head.bbox_head = torch.nn.Module()
    model.roi_head.bbox_head.num_classes = 4
    task = task_of(model)
    assert task.taps('logits') == ['roi_head.bbox_head.loss_and_target:input[cls_score]']
    assert task.num_classes(model) == 4
