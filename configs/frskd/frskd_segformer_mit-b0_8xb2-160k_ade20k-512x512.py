_base_ = ['mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py', '../_base_/methods/frskd_segmentation.py']
custom_imports = dict(imports=['mmkd'])
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
