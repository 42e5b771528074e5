title = 'FRSKD on the demo data: FPN, ResNet-18 at a quarter of its width, from scratch, 64 x 64'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2, 3, 4]
checkpoint = 'last'
# 1500 plain iterations take about the time of 1000 with FRSKD.
_longer = {'train_cfg.max_iters': 1500, 'param_scheduler.total_steps': 1500}
entries = dict(
    plain=dict(config='../plain/fpn_r18w16_demo-64x64.py', label='plain'),
    plain_longer=dict(
        config='../plain/fpn_r18w16_demo-64x64.py', label='plain in the time of FRSKD', cfg_options=_longer),
    frskd_without_features=dict(
        config='frskd_fpn_r18w16_demo-64x64.py',
        label='FRSKD\\F',
        cfg_options={'model.methods.frskd.feature_weight': 0.0}),
    frskd=dict(config='frskd_fpn_r18w16_demo-64x64.py', label='FRSKD'))
