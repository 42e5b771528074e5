_base_ = [
    '../_base_/models/resnet18.py', '../_base_/datasets/imagenet.py', '../_base_/schedules/sgd_90e.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/methods/ekd_imagenet.py'
]
_base_.model.backbone.update(
    type='mmkd.DynamicDepthResNet', depth=34, subnets=dict(r18=(2, 2, 2, 2)), zero_init_residual=True)
custom_hooks = [dict(type='mmkd.SubnetEvaluationHook')]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
