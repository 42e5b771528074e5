_base_ = [
    '../_base_/models/resnet18_cifar.py', '../_base_/datasets/cifar100.py', '../_base_/schedules/sgd_300e_ekd.py',
    '../_base_/default_runtime_classification_by_epoch.py', '../_base_/methods/ekd.py'
]
_base_.model.backbone.update(
    type='mmkd.DynamicDepthResNet', base='ResNet_CIFAR', depth=34, subnets=dict(r18=(2, 2, 2, 2)))
_base_.methods.ekd.update(logit_weight=1.0, attention_weight=0.5)
optim_wrapper = dict(optimizer=dict(lr=0.01))
custom_hooks = [dict(type='mmkd.SubnetEvaluationHook')]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
