_base_ = ['../plain/efficientdet-d1_voc-512x512.py', '../_base_/methods/frskd_efficientdet.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
find_unused_parameters = False
