# The last checkpoint of: python tools/train.py configs/plain/wrn-40-2_cifar100-32x32_240e.py
teacher = dict(
    config='mmkd::plain/wrn-40-2_cifar100-32x32_240e.py',
    checkpoint='work_dirs/wrn-40-2_cifar100-32x32_240e/epoch_240.pth')
