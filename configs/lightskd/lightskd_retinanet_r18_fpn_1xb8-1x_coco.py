_base_ = ['mmdet::retinanet/retinanet_r18_fpn_1xb8-1x_coco.py', '../_base_/methods/lightskd.py']
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
