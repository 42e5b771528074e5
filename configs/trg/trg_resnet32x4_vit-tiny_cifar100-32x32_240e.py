_base_ = [
    '../plain/vit-tiny_cifar100-32x32_240e.py', '../_base_/teachers/resnet32x4_cifar100.py',
    '../_base_/methods/trg.py'
]
custom_hooks = [dict(type='mmkd.CalibrationHook')]
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
