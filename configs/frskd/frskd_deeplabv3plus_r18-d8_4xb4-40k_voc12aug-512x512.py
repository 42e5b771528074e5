_base_ = [
    'mmseg::deeplabv3plus/deeplabv3plus_r50-d8_4xb4-40k_voc12aug-512x512.py', '../_base_/methods/frskd_segmentation.py']
custom_imports = dict(imports=['mmkd'])
r50 = _base_.model
student = dict(
    r50,
    pretrained='open-mmlab://resnet18_v1c',
    backbone=dict(r50.backbone, depth=18),
    decode_head=dict(r50.decode_head, in_channels=512, c1_in_channels=64, c1_channels=12, channels=128),
    auxiliary_head=dict(r50.auxiliary_head, in_channels=256, channels=64))
model = dict(_delete_=True, type='mmkd.Distiller', student=student, methods=_base_.methods)
