# FRSKD with the weights of the published segmentation code: off for two thirds of the run, then a sigmoid ramp.
# The self-teacher's width is our choice: the published code stacks BiFPN layers instead, see frskd_efficientdet-*.py.
ramp = dict(type='Ramp', begin=2 / 3, end=1.0, relative=True, by_epoch=False, shape='sigmoid')
methods = dict(
    frskd=dict(
        type='mmkd.FRSKD',
        logit_weight=ramp,
        feature_weight=dict(stop=50.0, **ramp),
        temperature=1.0,
        self_teacher=dict(width=1.0)))
