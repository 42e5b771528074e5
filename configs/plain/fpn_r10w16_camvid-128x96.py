_base_ = ['./fpn_r18w16_camvid-128x96.py']
# One block per stage, which the toolboxes have no depth for
model = dict(backbone=dict(type='mmkd.DynamicDepthResNet', blocks=(1, 1, 1, 1)))
