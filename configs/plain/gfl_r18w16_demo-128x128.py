_base_ = [
    '../_base_/models/gfl_r18_w16.py', '../_base_/datasets/demo_detection.py',
    '../_base_/schedules/adamw_onecycle_1000.py', '../_base_/default_runtime_detection.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
model = dict(bbox_head=dict(num_classes=10))
