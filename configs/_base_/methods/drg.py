# DRG with the weights of the published code
methods = dict(drg=dict(type='mmkd.DRG', head_weight=1.0, logit_weight=0.2, temperature=4.0))
