# RKD with the weights of the CRD benchmark on CIFAR-100, where all 64 images of a batch span angles.
methods = dict(rkd=dict(type='mmkd.RKD', weight=1.0, distance_weight=25.0, angle_weight=50.0))
