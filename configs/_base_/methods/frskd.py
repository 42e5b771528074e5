# FRSKD with the weights of the published code for CIFAR-100 (constant from the first step).
methods = dict(frskd=dict(type='mmkd.FRSKD', logit_weight=2.0, feature_weight=100.0, temperature=4.0))
