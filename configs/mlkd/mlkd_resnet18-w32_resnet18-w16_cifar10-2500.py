_base_ = ['../plain/resnet18-w16_cifar10-2500.py', '../_base_/methods/mlkd.py']
# The teacher: python tools/train.py configs/plain/resnet18-w32_cifar10.py --seed 0
teacher = dict(
    config='mmkd::plain/resnet18-w32_cifar10.py', checkpoint='work_dirs/resnet18-w32_cifar10/iter_6000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=_base_.methods)
