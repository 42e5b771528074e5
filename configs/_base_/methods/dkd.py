# DKD with the numbers of the authors' code for CIFAR-100, resnet32x4 to resnet8x4 (other pairs have a nontarget_weight
# from 2 to 8). Their ramp over the first 20 of 240 epochs is one over the same share of any run here.
ramp = dict(type='Ramp', begin=0.0, end=20 / 240, relative=True, by_epoch=False, shape='linear')
methods = dict(dkd=dict(type='mmkd.DKD', weight=ramp, target_weight=1.0, nontarget_weight=8.0, temperature=4.0))
