# CIFAR-100 as MLKD's published code shows it: every image turned by 0, 90, 180 and 270 degrees after a common flip,
# each view with a crop of its own; 64 images are 256 rows.
_base_ = './cifar100_crd.py'
data_preprocessor = dict(type='mmkd.MultiViewDataPreprocessor')
train_pipeline = [
    dict(type='mmkd.RotatedViews', transforms=[dict(type='RandomCrop', crop_size=32, padding=4)]),
    dict(type='PackInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
