# Soft targets with weight and temperature of CIRKD's code on Cityscapes.
methods = dict(logit_kd=dict(type='mmkd.LogitKD', weight=1.0, temperature=1.0))
