_base_ = './resnet18_cifar100-32x32.py'
model = dict(train_cfg=dict(augments=dict(type='CutMix', alpha=1.0)), head=dict(loss=dict(use_soft=True)))
