# ReviewKD on the levels of a neck with the weight of the authors' code for RetinaNet on COCO.
methods = dict(review_kd=dict(type='mmkd.ReviewKD', source='neck', weight=1.0))
