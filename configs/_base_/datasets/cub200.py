# CUB-200-2011, evaluated on the test images. Layout: data/CUB_200_2011, as the archive unpacks.
_base_ = './classification_224.py'
data_preprocessor = dict(num_classes=200)
train_dataloader = dict(dataset=dict(type='CUB', data_root='data/CUB_200_2011', split='train'))
val_dataloader = dict(dataset=dict(type='CUB', data_root='data/CUB_200_2011', split='test'))
test_dataloader = val_dataloader
