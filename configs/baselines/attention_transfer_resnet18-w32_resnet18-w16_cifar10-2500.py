# 1000 on a deepest map of 8 x 8 (CRD benchmark) is 62.5 on one of 2 x 2, the same weight of its sum.
_base_ = '../plain/resnet18-w16_cifar10-2500.py'
methods = dict(attention_transfer=dict(type='mmkd.AttentionTransfer', weight=62.5))
# python tools/train.py configs/plain/resnet18-w32_cifar10.py --seed 0
teacher = dict(config='mmkd::plain/resnet18-w32_cifar10.py', checkpoint='work_dirs/resnet18-w32_cifar10/iter_6000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=methods)
