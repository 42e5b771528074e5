_base_ = [
    '../_base_/models/resnet50_cifar.py', '../_base_/datasets/cifar100.py', '../_base_/schedules/sgd_200e_lightskd.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/methods/lightskd.py'
]
_base_.model.head.num_classes = 100
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
custom_imports = dict(imports=['mmkd'])
