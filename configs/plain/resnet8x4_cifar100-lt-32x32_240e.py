_base_ = [
    '../_base_/models/resnet8x4.py', '../_base_/datasets/cifar100_lt.py', '../_base_/schedules/sgd_240e.py',
    '../_base_/default_runtime_classification_by_epoch.py'
]
custom_imports = dict(imports=['mmkd'])
