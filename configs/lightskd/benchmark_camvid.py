title = 'LightSKD on CamVid: FPN, ResNet-18 at a quarter of its width, from scratch, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2]
checkpoint = 'last'
_light = 'lightskd_fpn_r18w16_camvid-128x96.py'
_length = {'train_cfg.max_iters': 1000, 'param_scheduler.total_steps': 1000, 'train_cfg.val_interval': 250}
# what the plain student does in the time of the slowest entry
_longer = {'train_cfg.max_iters': 1370, 'param_scheduler.total_steps': 1370, 'train_cfg.val_interval': 274}
entries = dict(
    plain=dict(config='../plain/fpn_r18w16_camvid-128x96.py', label='plain', cfg_options=_length),
    plain_longer=dict(
        config='../plain/fpn_r18w16_camvid-128x96.py', label='plain, equal time', cfg_options={**_length, **_longer}),
    drg=dict(config=_light, label='DRG', cfg_options={'model.methods.dsr.weight': 0.0, **_length}),
    dsr=dict(config=_light, label='DSR', cfg_options={'model.methods.drg.weight': 0.0, **_length}),
    lightskd=dict(config=_light, label='DRG + DSR', cfg_options=_length))
