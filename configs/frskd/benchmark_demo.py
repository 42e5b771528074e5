title = 'FRSKD on the demo data: FPN, ResNet-18 at a quarter of its width, from scratch, 64 x 64'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2]
checkpoint = 'last'
entries = dict(
    plain=dict(config='../plain/fpn_r18w16_demo-64x64.py', label='plain'),
    frskd_without_features=dict(
        config='frskd_fpn_r18w16_demo-64x64.py',
        label='FRSKD\\F',
        cfg_options={'model.methods.frskd.feature_weight': 0.0}),
    frskd=dict(config='frskd_fpn_r18w16_demo-64x64.py', label='FRSKD'))
