_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', '../_base_/methods/ekd_detection.py']
# The pretrained statistics are those of the full depth, so that every net has to gather its own.
_base_.model.backbone.update(
    type='mmkd.DynamicDepthResNet', subnets=dict(r26=(2, 2, 2, 2)), norm_eval=False,
    norm_cfg=dict(type='SyncBN', requires_grad=True))
custom_hooks = [dict(type='mmkd.SubnetEvaluationHook')]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
