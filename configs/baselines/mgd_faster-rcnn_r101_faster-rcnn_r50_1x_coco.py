_base_ = [
    'mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', '../_base_/teachers/faster-rcnn_r101_coco.py',
    '../_base_/methods/mgd_detection.py'
]
custom_imports = dict(imports=['mmkd'])
# The authors' settings for two-stage detectors.
_base_.methods.mgd.update(levels=[0, 1, 2, 3], weight=5e-7, mask_ratio=0.45)
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
