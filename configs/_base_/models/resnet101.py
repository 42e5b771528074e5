# ResNet-101 for 224 x 224 images, from scratch
_base_ = './resnet18.py'
model = dict(backbone=dict(depth=101), head=dict(in_channels=2048))
