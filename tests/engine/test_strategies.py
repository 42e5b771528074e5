"""Which runner and strategy a config gets, and what is told of those that cannot train it."""

import inspect
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import STRATEGIES
from mmengine.runner import FlexibleRunner, Runner
from torch import nn

from mmkd.engine.checkpoint import read_checkpoint, require_start
from mmkd.engine.device import use_amp
from mmkd.engine.strategies import build_runner, keeps_whole_model, prepare_strategy, strategy_of, without_strategy
from tests.faults import check_refused
from tests.runs import ROOT

FRAGMENTS = ROOT / 'configs' / '_base_' / 'strategies'
FULL = dict(type='FSDPStrategy', state_dict_cfg='full')


def flexible(strategy, **more):
    return Config(dict(runner_type='FlexibleRunner', strategy=strategy, **more))


@pytest.mark.parametrize('path', sorted(FRAGMENTS.glob('*.py')), ids=lambda path: path.stem)
def test_a_fragment_is_what_its_strategy_takes(path):
    config = Config.fromfile(path)
    assert config.runner_type == 'FlexibleRunner'
    kind = STRATEGIES.get(config.strategy.type)
    assert set(config.strategy) - {'type'} <= set(inspect.signature(kind).parameters)


@pytest.mark.parametrize('path', sorted(FRAGMENTS.glob('*.py')), ids=lambda path: path.stem)
def test_a_fragment_goes_with_a_config(path, tmp_path):
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['mmkd::frskd/frskd_fpn_r18w16_demo-64x64.py', '{path}']\n"
        "optim_wrapper = dict(_delete_=True, type='DeepSpeedOptimWrapper', optimizer=_base_.optim_wrapper.optimizer)\n"
    )
    config = Config.fromfile(tmp_path / 'mine.py')
    assert config.model.type == 'mmkd.Distiller'
    assert strategy_of(config) == config.strategy.type.removeprefix('mmkd.')
    assert not keeps_whole_model(config)
    assert config.optim_wrapper.keys() == {'type', 'optimizer'}


def test_the_runner_is_the_usual_one_unless_the_config_names_another(tmp_path):
    config = Config(dict(model=None, work_dir=str(tmp_path), env_cfg={}))
    config.model = nn.Linear(1, 1)
    assert type(build_runner(config)) is Runner
    assert strategy_of(config) == ''
    runner = build_runner(Config(dict(config, runner_type='FlexibleRunner')))
    assert type(runner) is FlexibleRunner
    assert isinstance(runner.model, nn.Module)


def test_a_cpu_needs_no_gpu():
    own = dict(find_unused_parameters=True)
    config = flexible(dict(type='DDPStrategy', model_wrapper=own, sync_bn='torch'))
    prepare_strategy(config, 'pytorch', 'cpu')
    assert config.strategy.sync_bn is None
    wrapper = dict(type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None)
    assert config.strategy.model_wrapper == dict(own, **wrapper)
    config = flexible(dict(FULL, model_wrapper=dict(use_orig_params=True)))
    prepare_strategy(config, 'pytorch', 'cpu')
    assert config.strategy.model_wrapper.device_id == 'cpu'
    assert config.strategy.model_wrapper.use_orig_params


def test_a_gpu_gets_the_strategy_as_it_is_written_but_for_one_that_can_resume():
    for kind in ('FSDPStrategy', 'mmkd.FSDPStrategy'):
        config = flexible(dict(FULL, type=kind))
        prepare_strategy(config, 'pytorch', 'cuda')
        assert config.strategy == dict(FULL, type='mmkd.FSDPStrategy')


def test_the_default_strategy_follows_the_launcher():
    several, one = Config(dict(runner_type='FlexibleRunner')), Config(dict(runner_type='FlexibleRunner'))
    prepare_strategy(several, 'pytorch', 'cpu')
    prepare_strategy(one, 'none', 'cpu')
    assert several.strategy.type == 'DDPStrategy'
    assert one.get('strategy') is None


def test_a_test_forgets_the_strategy():
    assert without_strategy(flexible(dict(FULL), launcher='none')).to_dict() == dict(launcher='none')


HOOK = dict(type='mmkd.DistillVisualizationHook')
WRONG = {
    'strategy of the Runner': (Config(dict(strategy=dict(FULL))), 'pytorch', "runner_type='Runner'"),
    'one process': (flexible(dict(FULL)), 'none', '--launcher none'),
    'shares in files': (flexible(dict(type='FSDPStrategy')), 'pytorch', "state_dict_cfg='local'"),
    'shares by type': (
        flexible(dict(type='FSDPStrategy', state_dict_cfg=dict(state_dict_type='SHARDED_STATE_DICT'))), 'pytorch',
        'SHARDED_STATE_DICT'),
    'a hook that needs all': (flexible(dict(FULL), custom_hooks=[HOOK]), 'pytorch', HOOK['type']),
}


@pytest.mark.parametrize('name', WRONG)
def test_what_cannot_train_is_told(name):
    config, launcher, found = WRONG[name]
    check_refused(lambda: prepare_strategy(config, launcher, 'cpu'), found)


def test_an_unknown_runner_is_told():
    check_refused(lambda: build_runner(Config(dict(runner_type='FlexibelRunner', model={}))), "'FlexibelRunner'")


def test_deepspeed_is_asked_for_only_where_it_can_run(monkeypatch):
    def prepare(device, **more):
        prepare_strategy(flexible(dict(type='DeepSpeedStrategy'), **more), 'pytorch', device)

    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    check_refused(lambda: prepare('cuda'), 'deepspeed is not installed', error=ImportError)
    monkeypatch.setattr('importlib.util.find_spec', lambda name: object())
    check_refused(lambda: prepare('cpu'), '--device cpu')
    check_refused(lambda: prepare('cuda', optim_wrapper=dict(type='OptimWrapper')), "'OptimWrapper'")
    prepare('cuda', optim_wrapper=dict(type='DeepSpeedOptimWrapper'))
    check_refused(lambda: use_amp(flexible(dict(type='DeepSpeedStrategy')), 'cuda'), '--amp')


def test_a_folder_is_no_checkpoint_but_for_deepspeed(tmp_path):
    check_refused(lambda: read_checkpoint(tmp_path), repr(str(tmp_path)), 'zero_to_fp32.py')
    start = dict(load_from=str(tmp_path), work_dir=str(Path(tmp_path, 'work')))
    check_refused(lambda: require_start(Config(start), nn.Linear(1, 1)), repr(str(tmp_path)))
    require_start(flexible(dict(type='DeepSpeedStrategy'), **start), nn.Linear(1, 1))
