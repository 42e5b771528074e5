# MLKD of four rotated views as published for CIFAR-100; the pipeline makes them by mmkd.RotatedViews
methods = dict(
    mlkd=dict(
        type='mmkd.MLKD', num_views=4, individual_weight=20.0, relational_weight=50.0, categorical_weight=1.0))
