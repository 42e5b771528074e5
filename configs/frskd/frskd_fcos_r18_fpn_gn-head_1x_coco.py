_base_ = ['mmdet::fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py', '../_base_/methods/frskd_detection.py']
custom_imports = dict(imports=['mmkd'])
student = _base_.model
student.backbone.update(
    depth=18, style='pytorch', init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'))
# torchvision's weights expect RGB in units of the standard deviation, unlike the caffe weights of the base config
student.data_preprocessor.update(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True)
student.neck.update(in_channels=[64, 128, 256, 512])
model = dict(_delete_=True, type='mmkd.Distiller', student=student, methods=_base_.methods)
