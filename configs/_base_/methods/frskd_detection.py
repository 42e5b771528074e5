# FRSKD on the levels of a detector's neck. No published weights exist for detection; all of these are our choice: each
# level counts alike (sum over positions), and distillation waits until the self-teacher has learned something.
ramp = dict(type='Ramp', begin=0.25, end=0.5, relative=True, by_epoch=False, shape='sigmoid')
methods = dict(
    frskd=dict(
        type='mmkd.FRSKD',
        source='neck',
        logit_weight=ramp,
        feature_weight=ramp,
        reduction='sum',
        temperature=1.0))
