_base_ = './efficientdet-d0_voc-512x512.py'
pretrained = 'https://mmassets.onedl.ai/mmclassification/v0/efficientnet/efficientnet-b1_3rdparty_8xb32_in1k_20220119-002556d9.pth'
model = dict(
    backbone=dict(arch='b1', init_cfg=dict(checkpoint=pretrained)),
    neck=dict(out_channels=88),
    decode_head=dict(in_channels=88))
