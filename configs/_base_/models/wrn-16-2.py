# FRSKD's wide residual network, whose blocks have no batch norm at their input
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmkd.WideResNet', depth=16, widen_factor=2, block_norm=False),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=100, in_channels=128, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
