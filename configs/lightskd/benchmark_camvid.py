title = 'LightSKD on CamVid: FPN, ResNet-18 at a quarter of its width, from scratch, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2]
checkpoint = 'last'
_light = 'lightskd_fpn_r18w16_camvid-128x96.py'
_length = {'train_cfg.max_iters': 1600, 'param_scheduler.total_steps': 1600, 'train_cfg.val_interval': 400}
entries = dict(
    plain=dict(config='../plain/fpn_r18w16_camvid-128x96.py', label='plain', cfg_options=_length),
    drg=dict(config=_light, label='DRG', cfg_options={'model.methods.dsr.weight': 0.0, **_length}),
    dsr=dict(config=_light, label='DSR', cfg_options={'model.methods.drg.weight': 0.0, **_length}),
    lightskd=dict(config=_light, label='DRG + DSR', cfg_options=_length))
