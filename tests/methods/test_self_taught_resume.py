"""A run with DRG or SelfAttention that is killed and resumed goes on bit for bit (DSR: see test_dsr.py)."""

import copy

import pytest
import torch
from mmengine.hooks import Hook

from tests.runs import config_of, last_weights, train
from tests.students import STUDENTS, distilling
from tests.test_training import Kill

# As our configs have it: off for the first two thirds of the run, so that it is the resumed run that switches it on.
SELF_ATTENTION = dict(
    type='mmkd.SelfAttention',
    attention_weight=dict(type='Ramp', begin=2 / 3, end=2 / 3, stop=10.0, relative=True, by_epoch=False),
)
DRG = dict(
    type='mmkd.DRG',
    logit_weight=dict(type='Ramp', begin=1, end=4, by_epoch=False),
    temperature=dict(type='Ramp', begin=1, end=4, start=1.0, stop=4.0, by_epoch=False),
)
ITERATIONS = 6


class Terms(Hook):
    """Keeps the terms of the method of every iteration."""

    def __init__(self):
        self.heard = {}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        terms = {key: float(value) for key, value in outputs.items() if key.startswith('distill.')}
        self.heard[runner.iter] = terms


def config(root, task, method, by_epoch, ema, work_dir, **changes):
    hooks = [dict(type='mmkd.RandomStateHook'), *([dict(type='EMAHook', momentum=0.1)] if ema else [])]
    # An epoch has three iterations.
    length = ITERATIONS // 3 if by_epoch else ITERATIONS
    model = distilling(STUDENTS[task](), dict(method=copy.deepcopy(method)))
    return config_of(root, model, length, task, by_epoch, custom_hooks=hooks, work_dir=str(root / work_dir), **changes)


@pytest.mark.parametrize('task, by_epoch, ema', [
    ('segmentation', False, True), ('classification', True, False), ('detection', False, False)])
@pytest.mark.parametrize('method', [DRG, SELF_ATTENTION], ids=lambda method: method['type'])
def test_a_killed_and_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path, method, task, by_epoch, ema):
    setting = (tmp_path, task, method, by_epoch, ema)
    straight, again = Terms(), Terms()
    train(config(*setting, 'straight'), straight)
    with pytest.raises(KeyboardInterrupt):
        # The second iteration, or the first one of the second epoch, which is lost.
        train(config(*setting, 'again'), Kill(at=4 if by_epoch else 2))
    train(config(*setting, 'again', resume=True), again)
    resumed = range(3 if by_epoch else 2, ITERATIONS)
    assert again.heard == {iteration: straight.heard[iteration] for iteration in resumed}
    if method is SELF_ATTENTION:
        assert [bool(terms) for terms in straight.heard.values()] == [False] * 4 + [True] * 2
    weights, others = last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'again')
    assert weights.keys() == others.keys()
    assert [key for key in weights if not torch.equal(weights[key], others[key])] == []
