title = 'EKD on 2500 images of CIFAR-10: three-stage ResNet-20 at half its width, with 8 layers inside'
baseline = 'r20'
metrics = dict(val='accuracy/top1', test='accuracy/top1')
seeds = [0, 1, 2]
checkpoint = 'last'
_plain = '../plain/resnet20-w8_cifar10-2500.py'
_decay = {'optim_wrapper.optimizer.weight_decay': 5e-4}
_length = {'train_cfg.max_iters': 2000, 'param_scheduler.T_max': 2000, 'train_cfg.val_interval': 500, **_decay}
# A step of EKD takes about 1.5 times that of R20 alone, a little more than those of both nets.
_longer = {**_length, 'train_cfg.max_iters': 3200, 'param_scheduler.T_max': 3200, 'train_cfg.val_interval': 800}
_ekd = 'ekd_resnet20-w8_cifar10-2500.py'
entries = dict(
    r20=dict(config=_plain, label='R20 alone', cfg_options=_length),
    r20_longer=dict(config=_plain, label='R20 alone, in the time of EKD', cfg_options=_longer),
    ekd=dict(config=_ekd, label='R20 of EKD', cfg_options=_length),
    r8=dict(config=_plain, label='R8 alone', cfg_options={'model.backbone.depth': 8, **_length}),
    ekd_r8=dict(of='ekd', label='R8 of EKD', metrics=dict(val='accuracy/top1/r8'), baseline='r8'))
