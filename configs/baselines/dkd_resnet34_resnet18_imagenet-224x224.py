_base_ = [
    '../plain/resnet18_imagenet-224x224.py', '../_base_/teachers/resnet34_imagenet.py',
    '../_base_/methods/dkd_imagenet.py'
]
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=_base_.teacher, methods=_base_.methods)
