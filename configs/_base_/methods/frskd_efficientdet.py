# FRSKD exactly as its segmentation code: the self-teacher is two further BiFPN layers and a second head.
ramp = dict(type='Ramp', begin=40, end=60, by_epoch=True, shape='sigmoid')
methods = dict(
    frskd=dict(
        type='mmkd.FRSKD',
        source='neck',
        logit_weight=ramp,
        feature_weight=dict(stop=50.0, **ramp),
        temperature=1.0,
        self_teacher=dict(
            type='mmkd.SegmentationBiFPNSelfTeacher',
            num_layers=2,
            head=dict(
                type='mmkd.EfficientDetHead', in_index=0,
                loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True)))))
