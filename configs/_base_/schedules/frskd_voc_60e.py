# The published recipe: 60 epochs, effective batch 32 by accumulation, gradients clipped by value.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=5e-4),
    accumulative_counts=2,
    clip_grad=dict(type='value', clip_value=2.0))
param_scheduler = dict(type='MultiStepLR', milestones=[40], gamma=0.1, by_epoch=True)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
