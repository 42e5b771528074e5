# The paper's weight for feature maps; the deepest map has 2 x 2 positions here, so the one before it is compared.
_base_ = '../plain/resnet18-w16_cifar10-2500.py'
methods = dict(channel_wise_kd=dict(type='mmkd.ChannelWiseKD', levels=[-2], weight=50.0, temperature=4.0))
# The teacher: python tools/train.py configs/plain/resnet18-w32_cifar10.py --seed 0
teacher = dict(
    config='mmkd::plain/resnet18-w32_cifar10.py', checkpoint='work_dirs/resnet18-w32_cifar10/iter_6000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=methods)
