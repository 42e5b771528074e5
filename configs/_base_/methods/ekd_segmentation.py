_base_ = './ekd.py'
# Our choice: weight and temperature of CIRKD's soft targets per pixel
methods = dict(ekd=dict(logit_weight=1.0, temperature=1.0))
