title = 'EKD on CamVid: FPN, ResNet-18 at a quarter of its width with 10 layers inside, from scratch, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2]
checkpoint = 'last'
_length = {'train_cfg.max_iters': 1000, 'param_scheduler.total_steps': 1000, 'train_cfg.val_interval': 250}
# The full net alone with a third more iterations, as in the suite of LightSKD, whose runs serve here too.
_longer = {'train_cfg.max_iters': 1370, 'param_scheduler.total_steps': 1370, 'train_cfg.val_interval': 274}
entries = dict(
    plain=dict(config='../plain/fpn_r18w16_camvid-128x96.py', label='R18 alone', cfg_options=_length),
    plain_longer=dict(
        config='../plain/fpn_r18w16_camvid-128x96.py',
        label='R18 alone, longer',
        cfg_options={**_length, **_longer}),
    ekd=dict(config='ekd_fpn_r18w16_camvid-128x96.py', label='R18 of EKD', cfg_options=_length),
    r10=dict(config='../plain/fpn_r10w16_camvid-128x96.py', label='R10 alone', cfg_options=_length),
    ekd_r10=dict(of='ekd', label='R10 of EKD', metrics=dict(val='mIoU/r10'), baseline='r10'))
