title = 'FRSKD on CamVid: FPN, ResNet-18 at a quarter of its width, from scratch, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2, 3, 4]
checkpoint = 'last'
# 2000 iterations with FRSKD take the time of 3200 without. At 3200 the plain student's validation curve is flat.
entries = dict(
    plain=dict(
        config='../plain/fpn_r18w16_camvid-128x96.py',
        label='plain',
        cfg_options={'train_cfg.max_iters': 3200, 'param_scheduler.total_steps': 3200}),
    frskd_equal_time=dict(config='frskd_fpn_r18w16_camvid-128x96.py', label='FRSKD, in the time of plain'),
    frskd=dict(
        config='frskd_fpn_r18w16_camvid-128x96.py',
        label='FRSKD',
        cfg_options={'train_cfg.max_iters': 3200, 'param_scheduler.total_steps': 3200}))
