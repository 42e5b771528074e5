# MGD of all levels of a neck with the settings of the authors' code for RetinaNet on COCO. For two-stage detectors it
# takes levels=[0, 1, 2, 3], weight=5e-7, mask_ratio=0.45.
methods = dict(mgd=dict(type='mmkd.MGD', source='neck', weight=2e-5, mask_ratio=0.65))
