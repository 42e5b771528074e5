_base_ = [
    '../_base_/models/resnet56.py', '../_base_/datasets/cifar100.py', '../_base_/schedules/sgd_300e_ekd.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/methods/ekd.py'
]
_base_.model.backbone.update(
    type='mmkd.DynamicDepthResNet', subnets=dict(r44=(7, 7, 7), r32=(5, 5, 5), r20=(3, 3, 3)))
# the sibling's rate for this depth
optim_wrapper = dict(optimizer=dict(lr=0.01))
custom_hooks = [dict(type='mmkd.SubnetEvaluationHook')]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
