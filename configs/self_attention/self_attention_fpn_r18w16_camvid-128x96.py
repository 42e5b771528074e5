_base_ = ['../plain/fpn_r18w16_camvid-128x96.py', '../_base_/methods/self_attention.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
