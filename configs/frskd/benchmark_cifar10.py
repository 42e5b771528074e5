title = 'FRSKD on 2500 images of CIFAR-10: ResNet-18 (CIFAR form) at a quarter of its width'
baseline = 'plain'
metrics = dict(val='accuracy/top1', test='accuracy/top1')
seeds = [0, 1, 2]
checkpoint = 'last'
_plain, _frskd = '../plain/resnet18-w16_cifar10-2500.py', 'frskd_resnet18-w16_cifar10-2500.py'
# 2000 plain iterations take about the time of 1000 with FRSKD. Shown for one of the two weight decays.
_longer = {'train_cfg.max_iters': 2000, 'param_scheduler.T_max': 2000}
_without_features = {'model.methods.frskd.feature_weight': 0.0}
_decay = {'optim_wrapper.optimizer.weight_decay': 5e-4}
entries = dict(
    plain=dict(config=_plain, label='plain, weight decay 1e-4'),
    frskd_without_features=dict(config=_frskd, label='FRSKD\\F, 1e-4', cfg_options=_without_features),
    frskd=dict(config=_frskd, label='FRSKD, 1e-4'),
    plain_5e4=dict(config=_plain, label='plain, weight decay 5e-4', cfg_options=_decay, baseline='plain_5e4'),
    plain_longer_5e4=dict(
        config=_plain,
        label='plain in the time of FRSKD, 5e-4',
        cfg_options={**_longer, **_decay},
        baseline='plain_5e4'),
    frskd_without_features_5e4=dict(
        config=_frskd, label='FRSKD\\F, 5e-4', cfg_options={**_without_features, **_decay}, baseline='plain_5e4'),
    frskd_5e4=dict(config=_frskd, label='FRSKD, 5e-4', cfg_options=_decay, baseline='plain_5e4'))
