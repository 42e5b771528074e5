# Self-attention distillation with the weight of ENet-SAD, switched on for the last third of the run as its authors ask
methods = dict(
    self_attention=dict(
        type='mmkd.SelfAttention',
        attention_weight=dict(type='Ramp', begin=2 / 3, end=2 / 3, stop=0.1, relative=True, by_epoch=False)))
