import pytest
import torch

from mmkd.step import Step
from mmkd.tasks import task_of
from tests.students import FRSKD, build, distilling, segmentation_batch, segmentor
from tests.tasks.hear import hear


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


def heard(batch):
    """The step of a plain segmentor, and logits of a self-teacher at half the size of its own."""
    model = build(segmentor())
    task, record = hear(model, batch, ['logits'])
    return Step(model, task, record, batch[1], batch[0]), torch.randn(2, 5, 4, 4)


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
    images, samples = segmentation_batch(void=void)
    samples[0].gt_sem_seg.data[:, :8, :8] = 255
    step, output = heard((images, samples))
    found = step.task.comparable_logits(step, output.requires_grad_(), mask_ignored, full_size)
    assert found.student.shape == found.teacher.shape == (2, 5, *((32, 32) if full_size else (8, 8)))
    assert found.student.requires_grad
    assert found.mask.sum() == expected


@pytest.mark.parametrize('full_size, expected', [(True, 32 * 32 + 20 * 24), (False, 8 * 8 + 5 * 6)])
@pytest.mark.parametrize('mask_ignored', [True, False])
def test_padding_never_counts(full_size, expected, mask_ignored):
    images, samples = segmentation_batch()
    samples[1].set_metainfo(dict(padding_size=(0, 8, 0, 12)))
    step, output = heard((images, samples))
    found = step.task.comparable_logits(step, output, mask_ignored, full_size)
    assert found.mask.sum() == expected and found.mask[0].all()
    (level,) = step.task.valid_positions(step, [torch.zeros(2, 3, 16, 16)])
    assert level[1, :10, :12].all() and level.sum() == 16 * 16 + 10 * 12


def test_without_padding_every_position_is_image():
    step, _ = heard(segmentation_batch())
    assert step.task.valid_positions(step, [torch.zeros(2, 3, 16, 16)]) is None


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


def test_one_sigmoid_channel_has_no_soft_targets_but_a_self_teacher():
    config = segmentor(num_classes=2)
    config.decode_head.update(out_channels=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    with pytest.raises(TypeError, match=r'one sigmoid channel.*set logit_weight=0'):
        build(distilling(config)).loss(*segmentation_batch(num_classes=2))
    model = build(distilling(config, dict(frskd=dict(FRSKD, logit_weight=0))))
    assert model.distill.methods['frskd'].head.out_channels == 1
    assert model.loss(*segmentation_batch(num_classes=2))['distill.frskd.loss_teacher'] > 0


def test_a_head_without_per_pixel_logits_is_refused():
    model = build(segmentor())
    model.decode_head = torch.nn.Identity()
    with pytest.raises(TypeError, match='The decode head is a Identity'):
        task_of(model)


def test_positions_that_see_padding_or_void_alone_are_not_labelled():
    model = build(segmentor())
    images, samples = segmentation_batch()
    samples[0].gt_sem_seg.data[:] = 255
    samples[0].gt_sem_seg.data[0, 9, 23] = 3
    samples[1].set_metainfo(dict(padding_size=[0, 16, 0, 8]))  # labels of its padding do not count
    task, record = hear(model, (images, samples), ['decoder'])
    masks = task.labelled_positions(Step(model, task, record, samples, images), [torch.zeros(2, 1, 8, 8)])
    assert masks[0][0].nonzero().tolist() == [[2, 5]]
    assert masks[0][1].nonzero().tolist() == [[row, column] for row in range(6) for column in range(4)]


@pytest.mark.parametrize('size', [(5, 7), (32, 32), (1, 1)])
def test_a_labelled_pixel_is_seen_at_any_size(size):
    model = build(segmentor())
    images, samples = segmentation_batch(void=True)
    samples[0].gt_sem_seg.data[0, 31, 31] = 0
    task, record = hear(model, (images, samples), ['decoder'])
    (mask,) = task.labelled_positions(Step(model, task, record, samples, images), [torch.zeros(2, 1, *size)])
    assert mask[0, -1, -1] and not mask[1].any() and mask.shape == (2, *size)
