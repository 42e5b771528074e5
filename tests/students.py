"""Tiny students and batches for tests."""

import torch
from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import PixelData

FRSKD = dict(type='mmkd.FRSKD', logit_weight=1.0, feature_weight=50.0, temperature=1.0, self_teacher=dict(width=1.0))


def segmentor(num_classes=5, **changes):
    """Config of an EncoderDecoder with a ResNet-18 of width 8 and an FPN."""
    norm = dict(type='BN')
    return ConfigDict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor', size=(32, 32), pad_val=0, seg_pad_val=255),
        backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8, norm_cfg=norm),
        neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=4),
        decode_head=dict(
            type='FPNHead',
            in_channels=[16] * 4,
            in_index=[0, 1, 2, 3],
            feature_strides=[4, 8, 16, 32],
            channels=16,
            num_classes=num_classes,
            norm_cfg=norm,
            align_corners=False,
            loss_decode=dict(type='CrossEntropyLoss'),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
        **changes,
    )


def classifier(num_classes=5):
    """Config of an ImageClassifier with a ResNet-18 of width 8."""
    return ConfigDict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8, stem_channels=8),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', in_channels=64, num_classes=num_classes, loss=dict(type='CrossEntropyLoss')),
    )


def detector(num_classes=3):
    """Config of a RetinaNet with a ResNet-18 of width 8."""
    return ConfigDict(
        type='RetinaNet',
        data_preprocessor=dict(type='DetDataPreprocessor', mean=[60.0] * 3, std=[60.0] * 3, pad_size_divisor=32),
        backbone=dict(type='ResNet', depth=18, base_channels=8, norm_cfg=dict(type='BN')),
        neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=5),
        bbox_head=dict(type='RetinaHead', num_classes=num_classes, in_channels=16, feat_channels=16, stacked_convs=1),
        train_cfg=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0, ignore_iof_thr=-1),
            allowed_border=-1,
            pos_weight=-1,
        ),
        test_cfg=dict(nms_pre=10, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10),
    )


STUDENTS = dict(segmentation=segmentor, classification=classifier, detection=detector)
SCOPES = dict(segmentation='mmseg', classification='mmpretrain', detection='mmdet')
FRSKDS = dict(
    segmentation=FRSKD,
    classification=dict(type='mmkd.FRSKD', self_teacher=dict(width=1.0)),
    detection=dict(
        type='mmkd.FRSKD', source='neck', reduction='sum', temperature=1.0, logit_weight=1.0, feature_weight=1.0
    ),
)


def build(config, scope='mmseg', seed=0):
    """A model of a config, with weights drawn from a seed."""
    init_default_scope(scope)
    torch.manual_seed(seed)
    model = MODELS.build(config)
    model.init_weights()
    return model


def distilling(student, methods=None, **distiller):
    """Config of a student that distils."""
    return dict(type='mmkd.Distiller', student=student, methods=methods or dict(frskd=dict(FRSKD)), **distiller)


def segmentation_batch(size=32, num_classes=5, void=False, batch=2):
    """Images (N, 3, H, W) and data samples with random labels."""
    from mmseg.structures import SegDataSample

    generator = torch.Generator().manual_seed(7)
    images = torch.randn(batch, 3, size, size, generator=generator)
    labels = torch.randint(0, num_classes, (batch, 1, size, size), generator=generator)
    if void:
        labels.fill_(255)
    meta = dict(img_shape=(size, size), ori_shape=(size, size), pad_shape=(size, size), padding_size=[0] * 4)
    return images, [SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=label)) for label in labels]


def classification_batch(num_classes=5):
    """Images (N, 3, H, W) and data samples with labels."""
    from mmpretrain.structures import DataSample

    generator = torch.Generator().manual_seed(7)
    return torch.randn(4, 3, 32, 32, generator=generator), [
        DataSample().set_gt_label(i % num_classes) for i in range(4)
    ]


def detection_batch(size=128, boxes=((8.0, 8.0, 60.0, 60.0), (40.0, 30.0, 120.0, 120.0))):
    """Images (N, 3, H, W) and data samples with the same boxes, of classes 0 and 1."""
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    generator = torch.Generator().manual_seed(7)
    meta = dict(img_shape=(size, size), ori_shape=(size, size), pad_shape=(size, size), scale_factor=(1.0, 1.0))
    samples = []
    for _ in range(2):
        truth = InstanceData(bboxes=torch.tensor(boxes).reshape(-1, 4), labels=torch.arange(len(boxes)))
        samples.append(
            DetDataSample(
                metainfo=dict(meta, batch_input_shape=(size, size)),
                gt_instances=truth,
                ignored_instances=InstanceData(bboxes=torch.empty(0, 4), labels=torch.empty(0, dtype=torch.long)),
            )
        )
    return torch.randn(2, 3, size, size, generator=generator), samples
