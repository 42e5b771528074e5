title = 'LightSKD on BCCD: GFL, ResNet-18 at a quarter of its width, from scratch, 320 x 240'
baseline = 'plain'
metrics = dict(val='coco/bbox_mAP', test='coco/bbox_mAP')
seeds = [0, 1, 2]
checkpoint = 'last'
scale = 100
_light = 'lightskd_gfl_r18w16_bccd-320x240.py'
_length = {'train_cfg.max_iters': 600, 'param_scheduler.total_steps': 600, 'train_cfg.val_interval': 200}
# what the plain student does in the time of DRG, the slowest entry
_longer = {'train_cfg.max_iters': 840, 'param_scheduler.total_steps': 840, 'train_cfg.val_interval': 280}
entries = dict(
    plain=dict(config='../plain/gfl_r18w16_bccd-320x240.py', label='plain', cfg_options=_length),
    plain_longer=dict(
        config='../plain/gfl_r18w16_bccd-320x240.py', label='plain, equal time', cfg_options={**_length, **_longer}),
    drg=dict(config=_light, label='DRG', cfg_options={'model.methods.dsr.weight': 0.0, **_length}),
    dsr=dict(config=_light, label='DSR', cfg_options={'model.methods.drg.weight': 0.0, **_length}),
    lightskd=dict(config=_light, label='DRG + DSR', cfg_options=_length))
