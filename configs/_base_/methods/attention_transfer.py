# Attention maps with the weight of the CRD benchmark on CIFAR-100, whose deepest map has 8 x 8 positions; a map with
# fewer needs a weight that is smaller by as much.
methods = dict(attention_transfer=dict(type='mmkd.AttentionTransfer', weight=1000.0))
