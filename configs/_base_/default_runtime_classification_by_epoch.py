_base_ = './default_runtime_classification.py'
# The last checkpoint counts: a best one would be chosen on the test images.
default_hooks = dict(
    logger=dict(log_metric_by_epoch=True),
    checkpoint=dict(by_epoch=True, interval=10, save_best=None, rule=None))
log_processor = dict(by_epoch=True)
randomness = dict(seed=10)
