_base_ = [
    '../plain/resnet8x4_cifar100-32x32_240e.py', '../_base_/teachers/resnet32x4_cifar100.py',
    '../_base_/methods/mgd.py'
]
# 256 x 8 x 8 values here: 1e-4 gives them the weight that 7e-5 gives 512 x 7 x 7.
_base_.methods.mgd.weight = 1e-4
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
