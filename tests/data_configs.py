"""Data sets, pipelines and evaluators over the random images of :mod:`tests.random_data`, by task."""

from tests.random_data import CLASSES

LOAD = dict(type='LoadImageFromFile')


def segmentation(root):
    """Crops of 32x32 and flips."""
    load = [LOAD, dict(type='LoadAnnotations')]
    pack = dict(type='PackSegInputs')
    dataset = dict(
        type='BaseSegDataset',
        metainfo=dict(classes=CLASSES, palette=[[40 * i] * 3 for i in range(len(CLASSES))]),
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        reduce_zero_label=False,
    )
    return dict(
        dataset=dataset,
        train=[*load, dict(type='RandomCrop', crop_size=(32, 32)), dict(type='RandomFlip', prob=0.5), pack],
        test=[*load, pack],
        evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
    )


def classification(root):
    """Crops of 32x32 and flips of images of two sizes."""
    pack = dict(type='PackInputs')
    return dict(
        dataset=dict(type='CustomDataset', data_prefix=str(root / 'images'), classes=list(CLASSES)),
        train=[LOAD, dict(type='RandomCrop', crop_size=32), dict(type='RandomFlip', prob=0.5), pack],
        test=[LOAD, dict(type='CenterCrop', crop_size=32), pack],
        evaluator=dict(type='Accuracy', topk=(1,)),
    )


def detection(root):
    """Flips of images of two sizes, so that batches are padded; the image without boxes is kept."""
    load = [LOAD, dict(type='LoadAnnotations', with_bbox=True)]
    meta = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
    dataset = dict(
        type='CocoDataset',
        metainfo=dict(classes=CLASSES[:3]),
        ann_file=str(root / 'boxes.json'),
        data_prefix=dict(img=str(root / 'images')),
        filter_cfg=dict(filter_empty_gt=False),
    )
    resize = dict(type='Resize', scale=(64, 64), keep_ratio=True)
    return dict(
        dataset=dataset,
        train=[*load, resize, dict(type='RandomFlip', prob=0.5), dict(type='PackDetInputs')],
        test=[*load, resize, dict(type='PackDetInputs', meta_keys=meta)],
        evaluator=dict(type='CocoMetric', ann_file=str(root / 'boxes.json'), metric='bbox'),
    )


DATA = dict(segmentation=segmentation, classification=classification, detection=detection)
