# The last checkpoint of: python tools/train.py configs/plain/resnet32x4_cifar100-32x32_240e.py
teacher = dict(
    config='mmkd::plain/resnet32x4_cifar100-32x32_240e.py',
    checkpoint='work_dirs/resnet32x4_cifar100-32x32_240e/epoch_240.pth')
