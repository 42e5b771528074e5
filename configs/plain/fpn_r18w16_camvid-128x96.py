_base_ = [
    '../_base_/models/fpn_r18_w16.py', '../_base_/datasets/camvid.py', '../_base_/schedules/adamw_onecycle_2000.py',
    '../_base_/default_runtime_segmentation.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
model = dict(data_preprocessor=dict(size=_base_.crop_size))
