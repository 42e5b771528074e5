# CIFAR-100-LT: 500 training images of the first class, 5 of the last, 10,847 in all; the test images are balanced.
_base_ = './cifar100_crd.py'
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='mmkd.LongTailed', dataset=_base_.train_dataloader.dataset, imbalance_factor=100, seed=0))
