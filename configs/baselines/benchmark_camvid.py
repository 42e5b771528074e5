title = 'A teacher on CamVid: FPN, ResNet-18 of half its width for one of a quarter, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2]
checkpoint = 'last'
_pair = 'fpn_r18w32_fpn_r18w16_camvid-128x96.py'
_plain = '../plain/fpn_r18w16_camvid-128x96.py'
_length = {'train_cfg.max_iters': 1600, 'param_scheduler.total_steps': 1600, 'train_cfg.val_interval': 400}
# Twice as many plain iterations take about the time of the methods; step times are in the table.
_longer = {'train_cfg.max_iters': 3200, 'param_scheduler.total_steps': 3200, 'train_cfg.val_interval': 400}
entries = dict(
    plain=dict(config=_plain, label='student alone', cfg_options=_length),
    plain_longer=dict(config=_plain, label='student alone, twice the iterations', cfg_options=_longer),
    logit_kd=dict(config=f'logit_kd_{_pair}', label='LogitKD', cfg_options=_length),
    attention_transfer=dict(config=f'attention_transfer_{_pair}', label='AT', cfg_options=_length),
    channel_wise_kd=dict(config=f'channel_wise_kd_{_pair}', label='CWD', cfg_options=_length),
    mlkd=dict(config=f'../mlkd/mlkd_{_pair}', label='MLKD', cfg_options=_length),
    trg=dict(
        config='../trg/trg_fpn_r18w32_fpn_r18w16_camvid-128x96_first-weights.py',
        label='TRG, weights not calibrated',
        cfg_options=_length))
