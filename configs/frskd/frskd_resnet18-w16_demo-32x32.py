_base_ = ['../plain/resnet18-w16_demo-32x32.py', '../_base_/methods/frskd.py']
# The deepest map has 2 x 2 positions here, 4 x 4 in the published student: 25 gives it the weight that 100 gives there.
_base_.methods.frskd.feature_weight = 25.0
model = dict(_delete_=True, type='mmkd.Distiller', student=_base_.model, methods=_base_.methods)
