# ResNet-34 as mmpretrain publishes it
teacher = dict(
    config='mmpretrain::resnet/resnet34_8xb32_in1k.py',
    checkpoint='https://mmassets.onedl.ai/mmclassification/v0/resnet/'
    'resnet34_8xb32_in1k_20210831-f257d4e6.pth')
