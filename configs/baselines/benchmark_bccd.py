title = 'A teacher on BCCD: GFL, ResNet-18 of half its width for one of a quarter, 320 x 240'
baseline = 'plain'
metrics = dict(val='coco/bbox_mAP', test='coco/bbox_mAP')
seeds = [0, 1, 2]
checkpoint = 'last'
scale = 100
_pair = 'gfl_r18w32_gfl_r18w16_bccd-320x240.py'
_plain = '../plain/gfl_r18w16_bccd-320x240.py'
_length = {'train_cfg.max_iters': 1250, 'param_scheduler.total_steps': 1250, 'train_cfg.val_interval': 250}
# Twice as many plain iterations take about the time of the methods; step times are in the table.
_longer = {'train_cfg.max_iters': 2500, 'param_scheduler.total_steps': 2500, 'train_cfg.val_interval': 250}
entries = dict(
    plain=dict(config=_plain, label='student alone', cfg_options=_length),
    plain_longer=dict(config=_plain, label='student alone, twice the iterations', cfg_options=_longer),
    logit_kd=dict(config=f'logit_kd_{_pair}', label='LogitKD', cfg_options=_length),
    attention_transfer=dict(config=f'attention_transfer_{_pair}', label='AT', cfg_options=_length),
    channel_wise_kd=dict(config=f'channel_wise_kd_{_pair}', label='CWD', cfg_options=_length),
    mlkd=dict(config=f'../mlkd/mlkd_{_pair}', label='MLKD', cfg_options=_length),
    trg=dict(config=f'../trg/trg_{_pair}', label='TRG', cfg_options=_length))
