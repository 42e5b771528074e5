# FSDP: every process keeps a share of parameters, gradients and optimizer state. Checkpoints are whole, as without it.
runner_type = 'FlexibleRunner'
strategy = dict(
    type='mmkd.FSDPStrategy',
    model_wrapper=dict(type='MMFullyShardedDataParallel', use_orig_params=True),
    state_dict_cfg='full')
