_base_ = ['./resnet18-w16_cifar10-2500.py']
# The three-stage ResNet at half its width
model = dict(backbone=dict(_delete_=True, type='mmkd.CIFARResNet', depth=20, base_width=8), head=dict(in_channels=32))
