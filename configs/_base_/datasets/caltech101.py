# Caltech-101 with mmpretrain's split, evaluated on its test images.
# Layout: data/caltech-101, as the archive unpacks, with meta/{train,test}.txt, see README.md.
_base_ = './classification_224.py'
data_preprocessor = dict(num_classes=102)
train_dataloader = dict(dataset=dict(type='Caltech101', data_root='data/caltech-101', split='train'))
val_dataloader = dict(dataset=dict(type='Caltech101', data_root='data/caltech-101', split='test'))
test_dataloader = val_dataloader
