_base_ = ['../plain/resnet18_cifar100-32x32.py', '../_base_/methods/self_attention.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
