title = 'FRSKD on CamVid: FPN, ResNet-18 at a quarter of its width, from scratch, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2, 3, 4]
checkpoint = 'last'
longer = 3200  # iterations of the plain student in the time of 2000 with FRSKD
entries = dict(
    plain=dict(config='../camvid/fpn_r18w16_camvid-128x96.py', label='plain'),
    frskd=dict(config='frskd_fpn_r18w16_camvid-128x96.py', label='FRSKD'),
    plain_longer=dict(
        config='../camvid/fpn_r18w16_camvid-128x96.py',
        label='plain, as long as FRSKD takes',
        cfg_options={'train_cfg.max_iters': longer, 'param_scheduler.total_steps': longer}))
