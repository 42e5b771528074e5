# FitNets with weight and level (the second stage) of the CRD benchmark on CIFAR-100.
methods = dict(feature_kd=dict(type='mmkd.FeatureKD', levels=[1], weight=100.0))
