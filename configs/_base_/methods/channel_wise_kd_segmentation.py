# Channel-wise distillation of logits with weight and temperature of the authors' code on Cityscapes.
methods = dict(channel_wise_kd=dict(type='mmkd.ChannelWiseKD', source='logits', weight=3.0, temperature=4.0))
