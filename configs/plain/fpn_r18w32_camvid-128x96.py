# A teacher: twice as wide as the student
_base_ = './fpn_r18w16_camvid-128x96.py'
model = dict(
    backbone=dict(stem_channels=32, base_channels=32), neck=dict(in_channels=[32, 64, 128, 256]))
param_scheduler = dict(total_steps=4000)
train_cfg = dict(max_iters=4000, val_interval=1000)
