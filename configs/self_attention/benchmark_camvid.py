title = 'Self-attention distillation on CamVid: FPN, ResNet-18 at a quarter of its width, from scratch, 160 x 120'
baseline = 'plain'
metrics = dict(val='mIoU', test='mIoU')
seeds = [0, 1, 2]
checkpoint = 'last'
_length = {'train_cfg.max_iters': 1000, 'param_scheduler.total_steps': 1000, 'train_cfg.val_interval': 250}
entries = dict(
    plain=dict(config='../plain/fpn_r18w16_camvid-128x96.py', label='plain', cfg_options=_length),
    self_attention=dict(
        config='self_attention_fpn_r18w16_camvid-128x96.py', label='SelfAttention', cfg_options=_length))
