_base_ = './ekd.py'
# Our choice
methods = dict(ekd=dict(logit_weight=1.0, temperature=1.0))
