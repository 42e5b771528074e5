_base_ = ['mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py', '../_base_/methods/frskd_detection.py']
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
