# The last checkpoint of: python tools/train.py configs/plain/vgg13_cifar100-32x32_240e.py
teacher = dict(
    config='mmkd::plain/vgg13_cifar100-32x32_240e.py',
    checkpoint='work_dirs/vgg13_cifar100-32x32_240e/epoch_240.pth')
