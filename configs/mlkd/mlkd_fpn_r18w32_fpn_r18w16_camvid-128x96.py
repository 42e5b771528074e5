_base_ = ['../plain/fpn_r18w16_camvid-128x96.py', '../_base_/methods/mlkd_segmentation.py']
# The teacher: python tools/train.py configs/plain/fpn_r18w32_camvid-128x96.py --seed 0
teacher = dict(
    config='mmkd::plain/fpn_r18w32_camvid-128x96.py', checkpoint='work_dirs/fpn_r18w32_camvid-128x96/iter_4000.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=_base_.methods)
