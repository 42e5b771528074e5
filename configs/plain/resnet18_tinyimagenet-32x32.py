_base_ = [
    '../_base_/models/resnet18_cifar.py', '../_base_/datasets/tinyimagenet.py', '../_base_/schedules/sgd_200e.py',
    '../_base_/default_runtime_classification_by_epoch.py'
]
custom_imports = dict(imports=['mmkd'])
model = dict(head=dict(num_classes=200))
