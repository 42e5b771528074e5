title = 'LightSKD on 2500 images of CIFAR-10: ResNet-18 (CIFAR form) at a quarter of its width'
baseline = 'plain'
metrics = dict(val='accuracy/top1', test='accuracy/top1')
seeds = [0, 1, 2]
checkpoint = 'last'
_light = 'lightskd_resnet18-w16_cifar10-2500.py'
_decay = {'optim_wrapper.optimizer.weight_decay': 5e-4}
_length = {'train_cfg.max_iters': 1200, 'param_scheduler.T_max': 1200, 'train_cfg.val_interval': 400, **_decay}
# what the plain student does in the time of the slowest entry
_longer = {'train_cfg.max_iters': 1350, 'param_scheduler.T_max': 1350, 'train_cfg.val_interval': 450}
entries = dict(
    plain=dict(config='../plain/resnet18-w16_cifar10-2500.py', label='plain', cfg_options=_length),
    plain_longer=dict(
        config='../plain/resnet18-w16_cifar10-2500.py', label='plain, equal time', cfg_options={**_length, **_longer}),
    drg=dict(config=_light, label='DRG', cfg_options={'model.methods.dsr.weight': 0.0, **_length}),
    dsr=dict(config=_light, label='DSR', cfg_options={'model.methods.drg.weight': 0.0, **_length}),
    lightskd=dict(config=_light, label='DRG + DSR', cfg_options=_length))
