# ResNeXt-50 32x4d for 224 x 224 images, from scratch
_base_ = './resnet50.py'
model = dict(backbone=dict(type='ResNeXt', groups=32, width_per_group=4))
