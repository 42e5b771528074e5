# MLKD of single views with the weights of the published code for CIFAR-100
methods = dict(mlkd=dict(type='mmkd.MLKD', individual_weight=20.0, relational_weight=50.0, categorical_weight=1.0))
