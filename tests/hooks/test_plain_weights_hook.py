"""A distilled checkpoint in the plain student."""

import torch
from mmengine.runner import Runner

from tests.runs import config_of, train
from tests.students import FRSKD, distilling, segmentor


def test_training_parts_are_left_out_without_a_word_also_of_an_average(tmp_path, capsys):
    hooks = [dict(type='EMAHook', momentum=0.5)]
    model = distilling(segmentor(), dict(frskd=dict(FRSKD)))
    train(config_of(tmp_path, model, max_iters=2, custom_hooks=hooks))
    saved = torch.load(tmp_path / 'work' / 'iter_2.pth', weights_only=False)['state_dict']
    printed = {}
    for hook in (None, dict(type='mmkd.PlainWeightsHook')):
        capsys.readouterr()
        config = config_of(tmp_path, custom_hooks=[*map(dict, hooks), *([hook] if hook else [])])
        config.load_from = str(tmp_path / 'work' / 'iter_2.pth')
        runner = Runner.from_cfg(config)
        runner.test()
        printed[bool(hook)] = ''.join(capsys.readouterr())
    assert 'unexpected key in source state_dict: distill' in printed[False]
    assert 'unexpected' not in printed[True]
    weights = runner.model.state_dict()
    assert all(torch.equal(value, saved[key]) for key, value in weights.items())
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model.module
    assert all(torch.equal(value, saved[key]) for key, value in ema.state_dict().items())
