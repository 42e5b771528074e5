_base_ = [
    '../_base_/models/resnet18.py', '../_base_/datasets/imagenet_four_views.py', '../_base_/schedules/sgd_120e.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/teachers/resnet34_imagenet.py',
    '../_base_/methods/mlkd_four_views_imagenet.py'
]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
