_base_ = [
    '../_base_/models/resnet18.py', '../_base_/datasets/stanford_dogs.py', '../_base_/schedules/sgd_200e_lightskd.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/methods/lightskd.py'
]
_base_.model.head.num_classes = 120
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
custom_imports = dict(imports=['mmkd'])
