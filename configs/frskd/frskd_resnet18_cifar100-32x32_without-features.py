_base_ = './frskd_resnet18_cifar100-32x32.py'
model = dict(methods=dict(frskd=dict(feature_weight=0.0)))
