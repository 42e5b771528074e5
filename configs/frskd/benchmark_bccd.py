title = 'FRSKD on BCCD: GFL, ResNet-18 at a quarter of its width, from scratch, 320 x 240'
baseline = 'plain'
metrics = dict(val='coco/bbox_mAP', test='coco/bbox_mAP')
seeds = [0, 1, 2]
checkpoint = 'last'
scale = 100
_length = {'train_cfg.max_iters': 750, 'param_scheduler.total_steps': 750, 'train_cfg.val_interval': 250}
# 1250 plain iterations take about the time of 750 with FRSKD.
_longer = {'train_cfg.max_iters': 1250, 'param_scheduler.total_steps': 1250, 'train_cfg.val_interval': 250}
entries = dict(
    plain=dict(config='../plain/gfl_r18w16_bccd-320x240.py', label='plain', cfg_options=_length),
    plain_longer=dict(
        config='../plain/gfl_r18w16_bccd-320x240.py', label='plain in the time of FRSKD', cfg_options=_longer),
    frskd_without_features=dict(
        config='frskd_gfl_r18w16_bccd-320x240.py',
        label='FRSKD\\F',
        cfg_options={'model.methods.frskd.feature_weight': 0.0, **_length}),
    frskd=dict(config='frskd_gfl_r18w16_bccd-320x240.py', label='FRSKD', cfg_options=_length))
