# The temperature of the CRD benchmark; the weight is our choice, since the student keeps all of its own loss.
_base_ = '../plain/resnet18-w16_cifar10-2500.py'
methods = dict(logit_kd=dict(type='mmkd.LogitKD', weight=1.0, temperature=4.0))
# python tools/train.py configs/plain/resnet18-w32_cifar10.py --seed 0
teacher = dict(config='mmkd::plain/resnet18-w32_cifar10.py', checkpoint='work_dirs/resnet18-w32_cifar10/iter_6000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=methods)
