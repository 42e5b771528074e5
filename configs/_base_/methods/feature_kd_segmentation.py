# FitNets with weight and place of CIRKD's code on Cityscapes, where soft targets of weight 1 stand beside it.
methods = dict(feature_kd=dict(type='mmkd.FeatureKD', source='decoder', weight=10.0))
