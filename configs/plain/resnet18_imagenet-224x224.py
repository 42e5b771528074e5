_base_ = [
    '../_base_/models/resnet18.py', '../_base_/datasets/imagenet.py', '../_base_/schedules/sgd_90e.py',
    '../_base_/default_runtime_classification_by_epoch.py'
]
custom_imports = dict(imports=['mmkd'])
