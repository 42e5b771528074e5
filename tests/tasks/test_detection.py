import pytest
import torch

from mmkd.step import Step
from mmkd.tasks import task_of
from tests.detectors import FRSKD, batch, plain, student, taken
from tests.students import build, classifier, detection_batch, detector, distilling, segmentor
from tests.tasks.hear import hear


def test_detection_features_logits_and_targets():
    model = build(detector(), 'mmdet')
    images, samples = detection_batch()
    task, record = hear(model, (images, samples), ['backbone', 'neck', 'logits'])
    assert [level.shape[-1] for level in task.features(record, 'neck')] == [32, 16, 8, 4, 2]
    assert len(task.features(record, 'backbone')) == 4
    assert next(tuple(level.shape[1:]) for level in task.logits(record)) == (27, 32, 32)
    assert task.targets(samples)[0].labels.tolist() == [0, 1]
    assert task.num_classes(model) == 3
    assert task.feature_channels(model, 'neck') == [16] * 5


def test_two_stage_detectors_give_the_scores_of_their_proposals():
    model = plain('faster_rcnn')
    task, record = hear(model, batch(), ['neck', 'logits'])
    assert task.taps('logits') == ['roi_head.bbox_head.loss_and_target:input[cls_score]']
    assert task.logits(record).shape == (64, 4)
    assert len(task.features(record, 'neck')) == 4
    assert task.num_classes(model) == 3


def test_a_head_of_the_self_teacher_is_a_copy_with_weights_of_its_own():
    model = plain('fcos')
    head = task_of(model).build_head(model, [16] * 5, None)
    assert type(head) is type(model.bbox_head)
    ours, theirs = head.state_dict(), model.bbox_head.state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}
    assert not torch.equal(ours['conv_cls.weight'], theirs['conv_cls.weight'])
    assert not {value.data_ptr() for value in ours.values()} & {value.data_ptr() for value in theirs.values()}


def test_the_second_head_starts_as_mmdet_starts_a_head():
    head = student('fcos').distill.methods['frskd'].head
    assert head.conv_cls.bias.unique().item() == pytest.approx(-4.595, abs=1e-3)  # a probability of 0.01


def test_a_head_may_be_configured():
    config = dict(type='RetinaHead', num_classes=3, in_channels=16, feat_channels=8, stacked_convs=2)
    head = student('retinanet', self_teacher=dict(head=config)).distill.methods['frskd'].head
    assert len(head.cls_convs) == 2 and head.retina_cls.in_channels == 8
    model = student('retinanet', self_teacher=dict(head=config))
    model.parse_losses(model.loss(*batch()))[0].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(num_classes=4), 'num_classes=4, but the student has 3'),
        (dict(in_channels=8), 'gives maps with .* channels, but its RetinaHead reads 8'),
    ],
)
def test_a_head_that_does_not_fit_is_refused(changes, message):
    config = dict(dict(type='RetinaHead', num_classes=3, in_channels=16), **changes)
    with pytest.raises(ValueError, match=message):
        student('retinanet', self_teacher=dict(head=config))


@pytest.mark.parametrize('share_head', [False, True])
@pytest.mark.parametrize(
    'name, changes, channels',
    [('retinanet', dict(source='backbone'), [8, 16, 32, 64]), ('fcos', dict(self_teacher=dict(width=2.0)), [32] * 5)],
)
def test_maps_that_the_head_cannot_read_are_refused(name, changes, channels, share_head):
    with pytest.raises(ValueError, match=r'gives maps with .* reads 16: set source=.neck. .*width=1\.0') as error:
        student(name, share_head=share_head, **changes)
    assert str(channels) in str(error.value)


def test_a_cascade_is_refused():
    message = 'The CascadeRCNN has no head that could be run on the maps of a self-teacher as well'
    for weights in (dict(), dict(logit_weight=0, box_weight=0)):
        with pytest.raises(TypeError, match=message):
            student('cascade', **weights)


def test_a_transformer_is_refused():
    attention = dict(self_attn_cfg=dict(embed_dims=16, num_heads=2), ffn_cfg=dict(embed_dims=16))
    config = dict(
        type='DETR',
        num_queries=5,
        backbone=dict(type='ResNet', depth=18, base_channels=8),
        neck=dict(type='ChannelMapper', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=4),
        encoder=dict(num_layers=1, layer_cfg=attention),
        decoder=dict(
            num_layers=1,
            layer_cfg=dict(attention, cross_attn_cfg=dict(embed_dims=16, num_heads=2)),
            return_intermediate=True,
        ),
        positional_encoding=dict(num_feats=8),
        bbox_head=dict(type='DETRHead', num_classes=3, embed_dims=16),
        train_cfg=None,
    )
    with pytest.raises(TypeError, match=r'The DETR has no head .* use a one-stage detector'):
        build(distilling(config, dict(frskd=dict(FRSKD))), 'mmdet')


@pytest.mark.parametrize(
    'config, scope, task', [(segmentor, 'mmseg', 'segmentation'), (classifier, 'mmpretrain', 'classification')]
)
@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(box_weight=1.0), 'box_weight is above 0, but a {} student predicts no boxes'),
        (dict(share_head=True), 'only heads of detectors can be shared, and this is a {} student'),
    ],
)
def test_what_only_detectors_have_is_refused_elsewhere(config, scope, task, changes, message):
    with pytest.raises(TypeError, match=message.format(task)):
        build(distilling(config(), dict(frskd=dict(type='mmkd.FRSKD', **changes))), scope)


def test_positions_in_the_padding_are_no_image():
    images, samples = batch()
    step = Step(None, None, None, samples, images)
    task = task_of(plain('fcos'))
    maps = [torch.zeros(2, 16, *size) for size in ((12, 16), (6, 8), (3, 4), (2, 2), (1, 1))]
    masks = task.valid_positions(step, maps)
    assert [mask[0].all().item() for mask in masks] == [True] * 5
    assert [tuple(side.any(axis).sum().item() for axis in (1, 0)) for side in (mask[1] for mask in masks)] == [
        (8, 13),
        (4, 7),
        (2, 4),
        (1, 2),
        (1, 1),
    ]
    assert task.valid_positions(Step(None, None, None, samples[:1], images[:1]), maps) is None


@pytest.mark.parametrize('changes', [dict(), dict(size=(160, 192))])
def test_more_padding_leaves_the_positions_of_the_image(changes):
    _, step = taken(plain('gfl'), batch(**changes))
    output = step.task.head_output(step, None, step.features('neck'))
    weight = step.task.comparable_logits(step, output).weight
    # levels of stride 8, 16, 32, 64, 128 in images of 96 x 128 and 64 x 100
    assert weight.gt(0).sum() == (192 + 48 + 12 + 4 + 1) + (104 + 28 + 8 + 2 + 1)
