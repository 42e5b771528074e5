# ImageNet-1k as MLKD's published code shows it: every image turned by 0, 90, 180 and 270 degrees after a common flip,
# each view with a crop and a flip of its own; 256 images are 1024 rows.
_base_ = './imagenet.py'
data_preprocessor = dict(type='mmkd.MultiViewDataPreprocessor')
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='mmkd.RotatedViews',
        transforms=[
            dict(type='RandomResizedCrop', scale=224),
            dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        ]),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
