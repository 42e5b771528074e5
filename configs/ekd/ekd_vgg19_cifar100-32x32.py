_base_ = [
    '../_base_/models/vgg13.py', '../_base_/datasets/cifar100.py', '../_base_/schedules/sgd_300e_ekd.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/methods/ekd.py'
]
_base_.model.backbone.update(
    type='mmkd.DynamicDepthVGG', depth=19, subnets=dict(vgg16=(2, 2, 3, 3, 3), vgg13=(2, 2, 2, 2, 2)))
custom_hooks = [dict(type='mmkd.SubnetEvaluationHook')]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
