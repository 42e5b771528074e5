# A teacher: twice as wide as the student
_base_ = './gfl_r18w16_bccd-320x240.py'
model = dict(backbone=dict(stem_channels=32, base_channels=32), neck=dict(in_channels=[64, 128, 256]))
param_scheduler = dict(total_steps=2500)
train_cfg = dict(max_iters=2500, val_interval=500)
