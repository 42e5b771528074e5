_base_ = './adamw_onecycle_2000.py'
param_scheduler = dict(total_steps=1000)
train_cfg = dict(max_iters=1000, val_interval=250)
