# DeepSpeed's ZeRO-2: every process keeps a share of gradients and optimizer state; the model computes in bfloat16.
# A config that takes this also writes
# optim_wrapper = dict(_delete_=True, type='DeepSpeedOptimWrapper', optimizer=_base_.optim_wrapper.optimizer)
runner_type = 'FlexibleRunner'
strategy = dict(
    type='DeepSpeedStrategy',
    config=dict(zero_allow_untested_optimizer=True),  # SGD is one
    bf16=dict(enabled=True),
    inputs_to_half=['inputs'],
    zero_optimization=dict(stage=2, contiguous_gradients=True, overlap_comm=True))
