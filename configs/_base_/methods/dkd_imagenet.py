# DKD with the numbers of the authors' code for ImageNet, ResNet-34 to ResNet-18; its ramp ends with the first epoch.
methods = dict(dkd=dict(type='mmkd.DKD', weight=1.0, target_weight=1.0, nontarget_weight=0.5, temperature=1.0))
