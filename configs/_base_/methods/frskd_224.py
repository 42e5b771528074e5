# FRSKD for images of 224 x 224. Both weights are our choice, those of the paper were not found: logit_weight is the
# default of the published code, feature_weight gives a deepest map of 7 x 7 the weight that 4 x 4 has with 100.
methods = dict(frskd=dict(type='mmkd.FRSKD', logit_weight=1.0, feature_weight=300.0, temperature=4.0))
