_base_ = [
    '../_base_/models/fpn_r18_w16.py', '../_base_/datasets/demo_segmentation.py',
    '../_base_/schedules/adamw_onecycle_1000.py', '../_base_/default_runtime_segmentation.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
# Nine tenths of the pixels are background
model = dict(decode_head=dict(loss_decode=dict(class_weight=[0.3] + 10 * [1.0])))
