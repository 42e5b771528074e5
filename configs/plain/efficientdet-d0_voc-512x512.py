_base_ = [
    '../_base_/models/efficientdet_d0_segmentation.py', '../_base_/datasets/voc2007_2012.py',
    '../_base_/schedules/frskd_voc_60e.py', '../_base_/default_runtime_segmentation.py'
]
custom_imports = dict(imports=['mmkd', 'mmkd.networks.efficientdet_head'])
default_hooks = dict(
    logger=dict(log_metric_by_epoch=True), checkpoint=dict(by_epoch=True, interval=1, max_keep_ckpts=2))
log_processor = dict(by_epoch=True)
randomness = dict(seed=1)
# The coarse levels of the third BiFPN layer reach the self-teacher only; alone they get no gradient.
find_unused_parameters = True
