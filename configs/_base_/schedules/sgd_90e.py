# The usual recipe for ImageNet, our choice: FRSKD's own was not found
_base_ = './sgd_200e.py'
param_scheduler = dict(milestones=[30, 60])
train_cfg = dict(max_epochs=90)
