_base_ = ['../plain/gfl_r18w16_demo-128x128.py', '../_base_/methods/frskd_detection.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
