"""Tiny vision transformers of mmpretrain for tests."""

from mmengine.config import ConfigDict

HEADS = dict(VisionTransformer='VisionTransformerClsHead', DistilledVisionTransformer='DeiTClsHead')


def transformer(kind='VisionTransformer', num_classes=5, **backbone):
    """Config of a classifier of 32x32 images that has 4x4 patch tokens of width 16."""
    arch = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
    return ConfigDict(
        type='ImageClassifier',
        backbone=dict(type=kind, arch=arch, img_size=32, patch_size=8, **backbone),
        head=dict(type=HEADS[kind], num_classes=num_classes, in_channels=16, loss=dict(type='CrossEntropyLoss')),
    )
