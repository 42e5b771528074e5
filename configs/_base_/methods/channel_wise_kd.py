# Channel-wise distillation of the deepest map. Weight and temperature are those of CIRKD's code for feature maps of
# segmentors; we know of none that were published for classifiers.
methods = dict(channel_wise_kd=dict(type='mmkd.ChannelWiseKD', levels=[-1], weight=50.0, temperature=4.0))
