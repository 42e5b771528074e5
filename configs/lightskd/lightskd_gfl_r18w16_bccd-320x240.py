_base_ = ['../plain/gfl_r18w16_bccd-320x240.py', '../_base_/methods/lightskd.py']
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
