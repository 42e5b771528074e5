_base_ = ['../plain/wrn-16-2_tinyimagenet-32x32.py', '../_base_/methods/frskd.py']
# 3 is the value of a re-implementation (with batches of 64, temperature 3); that of the paper was not found.
methods = dict(frskd=dict(_base_.methods.frskd, logit_weight=3.0))
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=methods)
