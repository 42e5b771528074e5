# The same, twice as wide and one and a half times as deep: 16 M parameters
_base_ = './vit-tiny_cifar.py'
model = dict(
    backbone=dict(arch=dict(embed_dims=384, num_layers=9, num_heads=6, feedforward_channels=1536)),
    head=dict(in_channels=384))
