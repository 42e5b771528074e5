_base_ = './ekd.py'
# 15 for a mean over images and 10 classes
methods = dict(ekd=dict(logit_weight=1.5))
