# Channel-wise distillation of the four finest levels of a neck, with weight and temperature of the authors' code for
# RetinaNet on COCO. For a neck of three levels take levels=None.
methods = dict(
    channel_wise_kd=dict(
        type='mmkd.ChannelWiseKD', source='neck', levels=[0, 1, 2, 3], weight=5.0, temperature=1.0))
