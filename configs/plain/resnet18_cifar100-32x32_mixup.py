_base_ = './resnet18_cifar100-32x32.py'
model = dict(train_cfg=dict(augments=dict(type='Mixup', alpha=0.2)), head=dict(loss=dict(use_soft=True)))
