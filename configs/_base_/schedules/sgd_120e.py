# MLKD's published recipe for ImageNet with batches of 256 images
_base_ = './sgd_90e.py'
param_scheduler = dict(milestones=[30, 60, 90])
train_cfg = dict(max_epochs=120)
