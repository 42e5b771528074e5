_base_ = [
    '../_base_/models/resnet18_w16_cifar.py', '../_base_/datasets/demo_classification.py',
    '../_base_/schedules/adamw_onecycle_1000.py', '../_base_/default_runtime_classification.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
