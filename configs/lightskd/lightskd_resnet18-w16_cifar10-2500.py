_base_ = ['../plain/resnet18-w16_cifar10-2500.py', '../_base_/methods/lightskd.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
