_base_ = [
    'mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py', '../_base_/teachers/pspnet_r101_cityscapes.py',
    '../_base_/methods/mlkd_segmentation.py'
]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
