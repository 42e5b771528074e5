# The published recipe; the code base also divides by 5 instead of 10 elsewhere
_base_ = './sgd_200e.py'
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
param_scheduler = dict(milestones=[60, 120, 160])
