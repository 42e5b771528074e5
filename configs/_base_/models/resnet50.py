# ResNet-50 for 224 x 224 images, from scratch
_base_ = './resnet18.py'
model = dict(backbone=dict(depth=50), head=dict(in_channels=2048))
