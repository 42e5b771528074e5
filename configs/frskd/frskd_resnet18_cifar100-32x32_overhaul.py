_base_ = './frskd_resnet18_cifar100-32x32.py'
# The weight is our choice, that of the paper was not found: the loss is a sum over all channels and positions.
model = dict(methods=dict(frskd=dict(feature_weight=1e-3, feature_loss=dict(type='mmkd.OverhaulLoss'))))
