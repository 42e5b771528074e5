_base_ = [
    '../_base_/models/vit-tiny_cifar.py', '../_base_/datasets/cifar100_crd.py', '../_base_/schedules/adamw_240e.py',
    '../_base_/default_runtime_classification_by_epoch.py'
]
custom_imports = dict(imports=['mmkd'])
