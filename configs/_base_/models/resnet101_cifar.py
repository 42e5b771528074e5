# ResNet-101 for 32 x 32 images
_base_ = './resnet18_cifar.py'
model = dict(backbone=dict(depth=101), head=dict(in_channels=2048))
