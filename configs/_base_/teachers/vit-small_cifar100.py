# The last checkpoint of: python tools/train.py configs/plain/vit-small_cifar100-32x32_240e.py
teacher = dict(
    config='mmkd::plain/vit-small_cifar100-32x32_240e.py',
    checkpoint='work_dirs/vit-small_cifar100-32x32_240e/epoch_240.pth')
