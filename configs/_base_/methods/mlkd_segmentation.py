# MLKD of pixels and regions. The paper has no segmentors: a tenth of the weights for CIFAR-100 is our first choice.
methods = dict(
    mlkd=dict(
        type='mmkd.MLKD',
        individual_weight=2.0,
        relational_weight=5.0,
        categorical_weight=0.1,
        individual_channels=512,
        max_entities=1024))
