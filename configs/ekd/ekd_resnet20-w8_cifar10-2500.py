_base_ = ['../plain/resnet20-w8_cifar10-2500.py', '../_base_/methods/ekd_cifar10.py']
_base_.model.backbone.update(type='mmkd.DynamicDepthResNet', subnets=dict(r8=(1, 1, 1)))
custom_hooks = [dict(type='mmkd.ChannelsLastHook'), dict(type='mmkd.SubnetEvaluationHook')]
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
