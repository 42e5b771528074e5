# The three-stage ResNet of 56 layers for images of 32 x 32
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmkd.CIFARResNet', depth=56),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=100, in_channels=64, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
