_base_ = [
    'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py',
    '../_base_/teachers/retinanet_r101_coco.py', '../_base_/methods/trg_detection.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.CalibrationHook')]
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
