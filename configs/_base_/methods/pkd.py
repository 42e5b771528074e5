# PKD of the four finest levels of a neck, with the weight of the configs in MMRazor for Faster R-CNN on COCO; RetinaNet
# that teaches RetinaNet has 10. For a neck of three levels take levels=None, for a classifier source='backbone'.
methods = dict(pkd=dict(type='mmkd.PKD', levels=[0, 1, 2, 3], weight=6.0))
