# MLKD of ground-truth boxes. The paper has no detectors: a tenth of the weights for CIFAR-100 is our first choice.
# Layer norm, because a batch may have a single box.
methods = dict(
    mlkd=dict(
        type='mmkd.MLKD',
        individual_weight=2.0,
        relational_weight=5.0,
        categorical_weight=0.1,
        individual_channels=512,
        norm='LN'))
