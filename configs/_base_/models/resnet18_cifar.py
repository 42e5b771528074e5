# FRSKD's ResNet-18 for 32 x 32 images: a 3 x 3 stem without pooling; weights start as PyTorch's layers do by default
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet_CIFAR', depth=18, zero_init_residual=False, init_cfg=None),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead', num_classes=100, in_channels=512, loss=dict(type='CrossEntropyLoss'), init_cfg=None))
