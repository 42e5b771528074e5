_base_ = [
    '../_base_/models/gfl_r18_w16.py', '../_base_/datasets/bccd.py', '../_base_/schedules/adamw_onecycle_2000.py',
    '../_base_/default_runtime_detection.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
