# ImageNet-1k, evaluated on the val images.
# Layout: data/imagenet/{train,val}/<class>, or data/imagenet/{train,val} with the labels in data/imagenet/meta.
_base_ = './classification_224.py'
data_preprocessor = dict(num_classes=1000)
train_dataloader = dict(batch_size=256, dataset=dict(type='ImageNet', data_root='data/imagenet', split='train'))
val_dataloader = dict(batch_size=256, dataset=dict(type='ImageNet', data_root='data/imagenet', split='val'))
test_dataloader = val_dataloader
