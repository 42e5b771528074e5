# The CRD benchmark's ResNet of 8 layers and four times the width, 1,233,540 parameters for 100 classes
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmkd.CIFARResNet', depth=8, base_width=64, stem_width=32),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=100, in_channels=256, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
