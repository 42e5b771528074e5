import pytest
import torch
from mmengine.structures import InstanceData

from mmkd.taps import Taps
from mmkd.tasks import task_of
from tests.students import build, classification_batch, classifier, detector, segmentation_batch, segmentor


def hear(model, batch, sources):
    task = task_of(model)
    with Taps(model, [path for source in sources for path in task.taps(source)]) as record:
        model.loss(*batch)
    return task, record


def test_segmentation_features_logits_and_targets():
    model = build(segmentor())
    images, samples = segmentation_batch()
    task, record = hear(model, (images, samples), ['backbone', 'neck', 'logits'])
    assert [level.shape[1] for level in task.features(record, 'backbone')] == [8, 16, 32, 64]
    assert [tuple(level.shape[1:]) for level in task.features(record, 'neck')] == [
        (16, 8, 8),
        (16, 4, 4),
        (16, 2, 2),
        (16, 1, 1),
    ]
    assert task.logits(record).shape == (2, 5, 8, 8)
    assert task.targets(samples).shape == (2, 32, 32)
    assert task.num_classes(model) == 5
    assert task.feature_channels(model, 'neck') == [16] * 4


def test_asking_for_channels_leaves_the_student_as_it_was():
    model = build(segmentor())
    model.train()
    model.backbone.layer1.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    task_of(model).feature_channels(model, 'backbone')
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.training and not model.backbone.layer1.training and model.backbone.layer2.training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    'mask_ignored, full_size, void, expected',
    [
        (True, True, False, 2 * 32 * 32 - 64),
        (False, True, False, 2 * 32 * 32),
        (True, False, False, 2 * 8 * 8 - 4),
        (True, True, True, 0),
        (False, True, True, 0),
        (False, False, True, 0),
    ],
)
def test_the_mask_of_soft_targets(mask_ignored, full_size, void, expected):
    model = build(segmentor())
    _, samples = segmentation_batch(void=void)
    samples[0].gt_sem_seg.data[:, :8, :8] = 255
    student, teacher = torch.randn(2, 5, 8, 8), torch.randn(2, 5, 4, 4)
    student, teacher, mask = task_of(model).comparable_logits(student, teacher, samples, mask_ignored, full_size)
    assert student.shape == teacher.shape == (2, 5, *((32, 32) if full_size else (8, 8)))
    assert mask.sum() == expected


def test_a_cascade_is_read_at_its_last_head():
    config = segmentor()
    config.type, config.num_stages = 'CascadeEncoderDecoder', 2
    first = dict(config.decode_head)
    config.decode_head = [
        first,
        dict(
            type='OCRHead',
            in_channels=[16] * 4,
            in_index=[0, 1, 2, 3],
            input_transform='resize_concat',
            channels=8,
            ocr_channels=8,
            num_classes=5,
            norm_cfg=dict(type='BN'),
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss'),
        ),
    ]
    task, record = hear(build(config), segmentation_batch(), ['logits'])
    assert task.taps('logits') == ['decode_head.1.loss_by_feat:input[0]']
    assert task.logits(record).shape == (2, 5, 8, 8)


def test_the_head_of_a_self_teacher_follows_the_students():
    config = segmentor()
    config.decode_head.update(
        ignore_index=7,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.5),
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=10),
    )
    model = build(config)
    head = task_of(model).build_head(model, [4, 8], None)
    assert (head.num_classes, head.ignore_index, head.align_corners) == (5, 7, True)
    assert head.loss_decode.loss_weight == 0.5 and head.loss_decode is not model.decode_head.loss_decode
    assert head.sampler.context is head and model.decode_head.sampler.context is model.decode_head
    assert head([torch.randn(2, 4, 8, 8), torch.randn(2, 8, 4, 4)]).shape == (2, 5, 8, 8)


def test_a_head_without_per_pixel_logits_is_refused():
    model = build(segmentor())
    model.decode_head = torch.nn.Identity()
    with pytest.raises(TypeError, match='The decode head is a Identity'):
        task_of(model)


def test_classification_features_logits_and_targets():
    model = build(classifier(), 'mmpretrain')
    images, samples = classification_batch()
    task, record = hear(model, (images, samples), ['backbone', 'logits'])
    assert [tuple(level.shape[1:]) for level in task.features(record, 'backbone')] == [
        (8, 32, 32),
        (16, 16, 16),
        (32, 8, 8),
        (64, 4, 4),
    ]
    assert task.logits(record).shape == (4, 5)
    assert task.targets(samples).tolist() == [0, 1, 2, 3]
    mixed = [sample.set_gt_score(torch.full((5,), 0.2)) for sample in samples]
    assert task.targets(mixed).shape == (4, 5)


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
