# DIST with the weights of the authors' code for ImageNet and for Cityscapes.
methods = dict(dist=dict(type='mmkd.DIST', weight=1.0, inter_weight=1.0, intra_weight=1.0, temperature=1.0))
