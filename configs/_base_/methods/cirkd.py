# The mini-batch term of CIRKD with the weight and temperature of the authors' code on Cityscapes, where soft targets
# stand beside it: mmkd.LogitKD with weight=1.0, temperature=1.0.
methods = dict(cirkd=dict(type='mmkd.CIRKD', weight=1.0, temperature=0.1))
