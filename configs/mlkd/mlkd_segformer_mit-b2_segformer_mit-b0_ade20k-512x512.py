_base_ = [
    'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py', '../_base_/teachers/segformer_mit-b2_ade20k.py',
    '../_base_/methods/mlkd_segmentation.py'
]
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
