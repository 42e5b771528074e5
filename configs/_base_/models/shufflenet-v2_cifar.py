# The CRD benchmark's ShuffleNet V2, 1,355,528 parameters for 100 classes
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmkd.CIFARShuffleNetV2'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=100, in_channels=1024, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
