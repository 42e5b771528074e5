title = 'A teacher on CIFAR-10: ResNet-18 (CIFAR form) of half its width for one of a quarter, 2500 images'
baseline = 'plain'
metrics = dict(val='accuracy/top1', test='accuracy/top1')
seeds = [0, 1, 2]
checkpoint = 'last'
_pair = 'resnet18-w32_resnet18-w16_cifar10-2500.py'
_plain = '../plain/resnet18-w16_cifar10-2500.py'
_length = {'train_cfg.max_iters': 1500, 'param_scheduler.T_max': 1500, 'train_cfg.val_interval': 500}
# Twice as many plain iterations take about the time of the methods; step times are in the table.
_longer = {'train_cfg.max_iters': 3000, 'param_scheduler.T_max': 3000, 'train_cfg.val_interval': 500}
_decay = {'optim_wrapper.optimizer.weight_decay': 5e-4}
entries = dict(
    plain=dict(config=_plain, label='student alone', cfg_options={**_length, **_decay}),
    plain_longer=dict(config=_plain, label='student alone, twice the iterations', cfg_options={**_longer, **_decay}),
    logit_kd=dict(config=f'logit_kd_{_pair}', label='LogitKD', cfg_options={**_length, **_decay}),
    attention_transfer=dict(config=f'attention_transfer_{_pair}', label='AT', cfg_options={**_length, **_decay}),
    channel_wise_kd=dict(config=f'channel_wise_kd_{_pair}', label='CWD', cfg_options={**_length, **_decay}),
    mlkd=dict(config=f'../mlkd/mlkd_{_pair}', label='MLKD', cfg_options={**_length, **_decay}),
    trg=dict(config=f'../trg/trg_{_pair}', label='TRG', cfg_options={**_length, **_decay}))
