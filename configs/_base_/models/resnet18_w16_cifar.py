# ResNet-18 in CIFAR form at a quarter of its width, stages of 16, 8, 4 and 2 pixels: 0.7 M parameters. The published
# student keeps 32 pixels in the first stage, which two CPU cores cannot afford.
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet_CIFAR', depth=18, stem_channels=8, base_channels=16, strides=(2, 2, 2, 2)),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=10, in_channels=128, loss=dict(type='CrossEntropyLoss', loss_weight=1.0)))
