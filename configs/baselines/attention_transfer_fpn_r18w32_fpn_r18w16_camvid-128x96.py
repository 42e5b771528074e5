# 1000 on a deepest map of 8 x 8 (CRD benchmark) is 187.5 on one of 3 x 4, the same weight of its sum.
_base_ = '../plain/fpn_r18w16_camvid-128x96.py'
methods = dict(attention_transfer=dict(type='mmkd.AttentionTransfer', weight=187.5))
# python tools/train.py configs/plain/fpn_r18w32_camvid-128x96.py --seed 0
teacher = dict(
    config='mmkd::plain/fpn_r18w32_camvid-128x96.py', checkpoint='work_dirs/fpn_r18w32_camvid-128x96/iter_4000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=methods)
