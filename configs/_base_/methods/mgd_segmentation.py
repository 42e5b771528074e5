# MGD of the deepest map with the settings of the authors' code on Cityscapes. The term is a sum over channels and
# positions, 2048 x 64 x 64 there.
methods = dict(mgd=dict(type='mmkd.MGD', levels=[-1], weight=2e-5, mask_ratio=0.75))
