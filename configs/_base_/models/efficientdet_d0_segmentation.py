# The student of FRSKD's published segmentation code: EfficientNet, P2 to P7, three BiFPN layers, a head on P2.
pretrained = 'https://mmassets.onedl.ai/mmclassification/v0/efficientnet/efficientnet-b0_3rdparty_8xb32_in1k_20220119-a7e2a0b1.pth'
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(512, 512),
        pad_val=0,
        seg_pad_val=0),  # padding is background, as published
    backbone=dict(
        type='mmkd.EfficientNetStages',
        arch='b0',
        init_cfg=dict(type='Pretrained', checkpoint=pretrained, prefix='backbone.')),
    neck=dict(type='mmkd.SegmentationPyramid', in_channels=[24, 40, 80, 320], out_channels=64, num_layers=3),
    decode_head=dict(
        type='mmkd.EfficientDetHead',
        in_channels=64,
        num_classes=21,
        align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'))
