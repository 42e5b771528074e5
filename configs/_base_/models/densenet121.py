# DenseNet-121 for 224 x 224 images, from scratch; all stages are given, as methods read the early ones
_base_ = './resnet18.py'
model = dict(
    backbone=dict(_delete_=True, type='DenseNet', arch='121', out_indices=(0, 1, 2, 3)), head=dict(in_channels=1024))
