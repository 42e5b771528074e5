# Attention maps with the weight of CIRKD's code on Cityscapes (64 x 128 positions), which has soft targets of weight 1
# beside it; a map with fewer positions needs a weight that is smaller by as much.
methods = dict(attention_transfer=dict(type='mmkd.AttentionTransfer', source='decoder', weight=10000.0))
