_base_ = ['mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', '../_base_/methods/frskd_detection.py']
custom_imports = dict(imports=['mmkd'])
student = _base_.model
student.backbone.update(depth=18, init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'))
student.neck.update(in_channels=[64, 128, 256, 512])
model = dict(_delete_=True, type='mmkd.Distiller', student=student, methods=_base_.methods)
