# ReviewKD with the most frequent weight of the authors' code on CIFAR-100, which rises over the first 20 of 240 epochs.
ramp = dict(type='Ramp', begin=0.0, end=1 / 12, relative=True, by_epoch=False, stop=5.0)
methods = dict(review_kd=dict(type='mmkd.ReviewKD', weight=ramp))
