_base_ = ['../plain/gfl_r18w16_bccd-320x240.py', '../_base_/methods/mlkd_detection.py']
# The teacher: python tools/train.py configs/plain/gfl_r18w32_bccd-320x240.py --seed 0
teacher = dict(
    config='mmkd::plain/gfl_r18w32_bccd-320x240.py', checkpoint='work_dirs/gfl_r18w32_bccd-320x240/iter_2500.pth')
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, teacher=teacher, methods=_base_.methods)
