# MLKD of four rotated views as published for ImageNet; the pipeline makes them by mmkd.RotatedViews
methods = dict(
    mlkd=dict(
        type='mmkd.MLKD', num_views=4, individual_weight=10.0, relational_weight=20.0, categorical_weight=0.5))
