_base_ = './frskd_resnet18_cifar100-32x32.py'
# The weight is our choice, that of the paper was not found.
model = dict(methods=dict(frskd=dict(feature_weight=1.0, feature_loss=dict(type='mmkd.FitNetLoss'))))
