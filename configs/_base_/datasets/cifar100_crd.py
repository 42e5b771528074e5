# CIFAR-100 as in the CRD benchmark: its own mean and deviation, batches of 64, evaluated on the test images.
_base_ = './cifar100.py'
data_preprocessor = dict(mean=[129.3105, 124.1085, 112.404], std=[68.2125, 65.4075, 70.4055])
train_dataloader = dict(batch_size=64)
