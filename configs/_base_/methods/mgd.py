# MGD of the deepest map with the settings of the authors' code on ImageNet. The term is a sum over channels and
# positions, 512 x 7 x 7 there.
methods = dict(
    mgd=dict(type='mmkd.MGD', levels=[-1], weight=7e-5, mask_channels=True, mask_ratio=0.15))
