# A small vision transformer for 32 x 32 images, of 8 x 8 patches: 2.7 M parameters; our choice
model = dict(
    type='ImageClassifier',
    backbone=dict(
        type='VisionTransformer',
        arch=dict(embed_dims=192, num_layers=6, num_heads=3, feedforward_channels=768),
        img_size=32,
        patch_size=4,
        drop_path_rate=0.1),
    head=dict(
        type='VisionTransformerClsHead', num_classes=100, in_channels=192, loss=dict(type='CrossEntropyLoss')))
