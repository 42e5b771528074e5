_base_ = [
    '../_base_/models/resnet18_w16_cifar.py', '../_base_/datasets/cifar10.py',
    '../_base_/schedules/sgd_cosine_2000.py', '../_base_/default_runtime_classification.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
# Every tenth training image, 5000 in all: what two CPU cores can afford for many seeds.
train_dataloader = dict(batch_size=32, dataset=dict(extensions=('1.jpg',)))
