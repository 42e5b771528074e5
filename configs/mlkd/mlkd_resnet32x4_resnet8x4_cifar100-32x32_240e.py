_base_ = [
    '../_base_/models/resnet8x4.py', '../_base_/datasets/cifar100_crd_four_views.py', '../_base_/schedules/sgd_240e.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/teachers/resnet32x4_cifar100.py',
    '../_base_/methods/mlkd_four_views.py'
]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
