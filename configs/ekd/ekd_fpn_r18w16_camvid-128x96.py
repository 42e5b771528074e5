_base_ = ['../plain/fpn_r18w16_camvid-128x96.py', '../_base_/methods/ekd_segmentation.py']
_base_.model.backbone.update(type='mmkd.DynamicDepthResNet', subnets=dict(r10=(1, 1, 1, 1)))
custom_hooks = [dict(type='mmkd.ChannelsLastHook'), dict(type='mmkd.SubnetEvaluationHook')]
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
