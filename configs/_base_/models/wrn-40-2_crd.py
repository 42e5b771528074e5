# The CRD benchmark's WRN-40-2, the paper's form, 2,255,156 parameters for 100 classes
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmkd.WideResNet', depth=40, widen_factor=2),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=100, in_channels=128, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
