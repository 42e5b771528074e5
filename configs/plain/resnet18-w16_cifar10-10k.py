_base_ = [
    '../_base_/models/resnet18_w16_cifar.py', '../_base_/datasets/cifar10.py',
    '../_base_/schedules/sgd_cosine_1600.py', '../_base_/default_runtime_classification.py'
]
custom_imports = dict(imports=['mmkd'])
custom_hooks = [dict(type='mmkd.ChannelsLastHook')]
# Every fifth training image, 10,000 in all, so that a student converges on two CPU cores.
train_dataloader = dict(dataset=dict(extensions=('1.jpg', '6.jpg')))
