# The CRD benchmark's VGG-13, 9,462,180 parameters for 100 classes
model = dict(
    type='ImageClassifier',
    backbone=dict(type='mmkd.CIFARVGG', depth=13),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(type='LinearClsHead', num_classes=100, in_channels=512, loss=dict(type='CrossEntropyLoss')))
