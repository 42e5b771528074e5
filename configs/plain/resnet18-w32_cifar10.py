# A teacher: twice as wide as the student, trained on all 45,000 training images
_base_ = './resnet18-w16_cifar10-2500.py'
model = dict(backbone=dict(stem_channels=16, base_channels=32), head=dict(in_channels=256))
train_dataloader = dict(
    dataset=dict(
        extensions=('1.jpg', '2.jpg', '3.jpg', '4.jpg', '5.jpg', '6.jpg', '7.jpg', '8.jpg', '9.jpg')))
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
param_scheduler = dict(T_max=6000)
train_cfg = dict(max_iters=6000, val_interval=1000)
