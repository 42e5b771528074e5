_base_ = './frskd_resnet18_cifar100-32x32.py'
model = dict(methods=dict(sla=dict(type='mmkd.SLA', self_teacher='frskd')))
