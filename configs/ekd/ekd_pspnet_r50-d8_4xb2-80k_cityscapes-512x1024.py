_base_ = ['mmseg::pspnet/pspnet_r50-d8_4xb2-80k_cityscapes-512x1024.py', '../_base_/methods/ekd_segmentation.py']
_base_.model.backbone.update(
    type='mmkd.DynamicDepthResNet', base='mmseg.ResNetV1c', subnets=dict(r26=(2, 2, 2, 2)))
# two nets of this size at once are much for one GPU
_base_.methods.ekd.lean = True
custom_hooks = [dict(type='mmkd.SubnetEvaluationHook')]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
