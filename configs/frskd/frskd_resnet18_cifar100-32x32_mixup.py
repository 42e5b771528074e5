_base_ = ['../plain/resnet18_cifar100-32x32_mixup.py', '../_base_/methods/frskd.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
