# Stanford 40 Actions, evaluated on the test images.
# Layout: data/stanford40/JPEGImages, as the archive unpacks, with train.txt and test.txt beside it, see README.md.
_base_ = './classification_224.py'
data_preprocessor = dict(num_classes=40)
data = dict(type='CustomDataset', data_root='data/stanford40', data_prefix='JPEGImages')
train_dataloader = dict(dataset=dict(data, ann_file='train.txt'))
val_dataloader = dict(dataset=dict(data, ann_file='test.txt'))
test_dataloader = val_dataloader
