title = 'FRSKD on the demo data: ResNet-18 (CIFAR form) at a quarter of its width, 32 x 32'
baseline = 'plain'
metrics = dict(val='accuracy/top1', test='accuracy/top1')
seeds = [0, 1, 2]
checkpoint = 'last'
_length = {'train_cfg.max_iters': 500, 'param_scheduler.total_steps': 500}
entries = dict(
    plain=dict(config='../plain/resnet18-w16_demo-32x32.py', label='plain', cfg_options=_length),
    frskd_without_features=dict(
        config='frskd_resnet18-w16_demo-32x32.py',
        label='FRSKD\\F',
        cfg_options={'model.methods.frskd.feature_weight': 0.0, **_length}),
    frskd=dict(config='frskd_resnet18-w16_demo-32x32.py', label='FRSKD', cfg_options=_length))
