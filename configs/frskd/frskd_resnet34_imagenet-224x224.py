_base_ = ['../plain/resnet34_imagenet-224x224.py', '../_base_/methods/frskd_224.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
