# FRSKD's ResNet-18 for 224 x 224 images, from scratch
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet', depth=18, zero_init_residual=False),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=1000, in_channels=512, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
