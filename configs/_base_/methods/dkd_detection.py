# DKD with the numbers of the authors' code for the proposals of Faster R-CNN on COCO.
methods = dict(dkd=dict(type='mmkd.DKD', weight=1.0, target_weight=1.0, nontarget_weight=0.25, temperature=1.0))
