title = 'FRSKD on 10,000 images of CIFAR-10: ResNet-18 (CIFAR form) at a quarter of its width'
baseline = 'plain'
metrics = dict(val='accuracy/top1', test='accuracy/top1')
seeds = [0, 1, 2]
checkpoint = 'last'
_plain, _frskd = '../plain/resnet18-w16_cifar10-10k.py', 'frskd_resnet18-w16_cifar10-10k.py'
# 3300 plain iterations take about the time of 1600 with FRSKD.
_longer = {'train_cfg.max_iters': 3300, 'param_scheduler.T_max': 3300}
_without_features = {'model.methods.frskd.feature_weight': 0.0}
_decay = {'optim_wrapper.optimizer.weight_decay': 5e-4}
entries = dict(
    plain=dict(config=_plain, label='plain, weight decay 1e-4'),
    plain_longer=dict(config=_plain, label='plain in the time of FRSKD, 1e-4', cfg_options=_longer),
    frskd_without_features=dict(config=_frskd, label='FRSKD\\F, 1e-4', cfg_options=_without_features),
    frskd=dict(config=_frskd, label='FRSKD, 1e-4'),
    plain_5e4=dict(config=_plain, label='plain, weight decay 5e-4', cfg_options=_decay, baseline='plain_5e4'),
    plain_longer_5e4=dict(
        config=_plain, label='plain in the time of FRSKD, 5e-4', cfg_options={**_longer, **_decay}, baseline='plain_5e4'),
    frskd_without_features_5e4=dict(
        config=_frskd, label='FRSKD\\F, 5e-4', cfg_options={**_without_features, **_decay}, baseline='plain_5e4'),
    frskd_5e4=dict(config=_frskd, label='FRSKD, 5e-4', cfg_options=_decay, baseline='plain_5e4'))
