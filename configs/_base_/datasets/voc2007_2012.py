# VOC 2007 + 2012 as in FRSKD's published segmentation code: train on both trainval lists, evaluate on VOC2007 test,
# resized to 512 x 512.
# Layout: data/VOCdevkit/VOC2007 (trainval and test) and data/VOCdevkit/VOC2012, as the archives unpack.
# Run tools/check_voc_overlap.py before comparing absolute numbers: VOC2012 holds images of VOC2007.
data_root = 'data/VOCdevkit'
crop_size = (512, 512)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomResize', scale=(4096, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='mmpretrain.GaussianBlur', magnitude_range=(0, 1), magnitude_std='inf', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=crop_size, keep_ratio=False),
    dict(type='mmkd.EvaluateAtPresentSize'),
    dict(type='PackSegInputs'),
]
voc = dict(type='PascalVOCDataset', data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'))
trainval = dict(voc, ann_file='ImageSets/Segmentation/trainval.txt', pipeline=train_pipeline)
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[dict(trainval, data_root=f'{data_root}/VOC2007'), dict(trainval, data_root=f'{data_root}/VOC2012')]))
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        voc, data_root=f'{data_root}/VOC2007', ann_file='ImageSets/Segmentation/test.txt', pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
