_base_ = './ekd.py'
# 100 for a mean over images and 1000 classes
methods = dict(ekd=dict(logit_weight=0.1, attention_weight=0.5))
