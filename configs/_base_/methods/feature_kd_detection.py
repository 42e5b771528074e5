# FitNets on the levels of a detector's neck. The weight is our first choice; we know of no published one.
methods = dict(feature_kd=dict(type='mmkd.FeatureKD', source='neck', weight=1.0))
