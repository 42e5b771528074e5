title = 'FRSKD on the demo data: GFL, ResNet-18 at a quarter of its width, from scratch, 128 x 128'
baseline = 'plain'
metrics = dict(val='coco/bbox_mAP', test='coco/bbox_mAP')
seeds = [0, 1, 2]
checkpoint = 'last'
scale = 100
_length = {'train_cfg.max_iters': 500, 'param_scheduler.total_steps': 500}
entries = dict(
    plain=dict(config='../plain/gfl_r18w16_demo-128x128.py', label='plain', cfg_options=_length),
    frskd_without_features=dict(
        config='frskd_gfl_r18w16_demo-128x128.py',
        label='FRSKD\\F',
        cfg_options={'model.methods.frskd.feature_weight': 0.0, **_length}),
    frskd=dict(config='frskd_gfl_r18w16_demo-128x128.py', label='FRSKD', cfg_options=_length))
