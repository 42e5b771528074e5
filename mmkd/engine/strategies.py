"""Train through a runner that the config names, and mmengine's strategies: DDP, FSDP and DeepSpeed."""

import importlib.util
from typing import Any

import mmengine.runner  # noqa: F401  (registers the runners)
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import FlexibleRunner, Runner

DDP, FSDP, DEEPSPEED = 'DDPStrategy', 'FSDPStrategy', 'DeepSpeedStrategy'
RESUMING_FSDP = f'mmkd.{FSDP}'
WHOLE_MODEL_HOOKS = (
    'EMAHook',
    'mmkd.CalibrationHook',
    'mmkd.DistillVisualizationHook',
    'mmkd.SubnetEvaluationHook',
)
"""They run or copy the model beside training, for which a process that holds only a share of it has too little."""


def build_runner(config: Config) -> Runner | FlexibleRunner:
    """The runner that a config names by ``runner_type``, mmengine's ``Runner`` by default, with a built model.

    Raises:
        ValueError: If there is no such runner.
    """
    kind = config.get('runner_type', 'Runner')
    if isinstance(kind, str) and RUNNERS.get(kind) is None:
        raise ValueError(
            f"The config has runner_type={kind!r}, which is no runner: 'Runner' or 'FlexibleRunner' is legal, or one "
            'that is registered by custom_imports.'
        )
    runner = RUNNERS.build(config)
    if isinstance(runner, FlexibleRunner):
        # It would build the model after it has read the data; mistakes of a config are told before.
        runner.model = runner.strategy.build_model(runner.model)
    return runner


def is_flexible(config: Config) -> bool:
    """Whether a config asks for the runner that trains by strategies."""
    kind = config.get('runner_type', 'Runner')
    return kind is FlexibleRunner or str(kind).rpartition('.')[2] == 'FlexibleRunner'


def strategy_of(config: Config) -> str:
    """The name of a config's strategy, empty if it has none or mmengine's ``Runner`` trains."""
    if not is_flexible(config):
        return ''
    kind = (config.get('strategy') or {}).get('type', '')
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]


def keeps_whole_model(config: Config) -> bool:
    """Whether every process holds all of the model that it trains."""
    return strategy_of(config) not in (FSDP, DEEPSPEED)


def without_strategy(config: Config) -> Config:
    """The config for mmengine's ``Runner``."""
    for key in ('runner_type', 'strategy'):
        config.pop(key, None)
    return config


def prepare_strategy(config: Config, launcher: str, device: str) -> None:
    """Check what a config says of its strategy, and set it up for the launcher and the device.

    Args:
        config: The config, which is changed.
        launcher: How several processes were started, or ``'none'``.
        device: ``'cpu'`` or ``'cuda'``.

    Raises:
        ImportError: If DeepSpeed is not installed.
        ValueError: If the strategy cannot train this config.
    """
    if not is_flexible(config):
        _require_no_strategy(config)
        return
    config.setdefault('env_cfg', {})
    if launcher != 'none' and config.get('strategy') is None:
        config.strategy = dict(type=DDP)
    kind = strategy_of(config)
    if launcher == 'none' and kind in (DDP, FSDP, DEEPSPEED):
        raise ValueError(
            f'The config has the {kind} and --launcher none was given, but it trains in started processes only: start '
            'them with torchrun, one will do, and give --launcher pytorch.'
        )
    if kind == FSDP:
        _require_whole_checkpoints(config.strategy)
        if config.strategy.type == FSDP:
            # mmengine's own cannot resume.
            config.strategy.type = RESUMING_FSDP
    if kind == DEEPSPEED:
        _require_deepspeed(config, device)
    if not keeps_whole_model(config):
        _require_sharding_hooks(config, kind)
    if device == 'cpu' and kind in (DDP, FSDP):
        config.strategy = _on_cpu(config.strategy, kind)


def _on_cpu(strategy: dict[str, Any], kind: str) -> dict[str, Any]:
    # Without a device mmengine places the model on the GPU with the number of the process.
    wrapper = dict(strategy.get('model_wrapper') or {})
    if kind == DDP:
        wrapper = {'type': 'MMDistributedDataParallel', 'broadcast_buffers': False, **wrapper, 'device_ids': None}
        # torch has SyncBN for GPUs only.
        return {**strategy, 'model_wrapper': wrapper, 'sync_bn': None}
    wrapper = {'type': 'MMFullyShardedDataParallel', **wrapper, 'device_id': 'cpu'}
    return {**strategy, 'model_wrapper': wrapper, 'state_dict_cfg': _full_state_on_cpu()}


def _full_state_on_cpu() -> dict[str, Any]:
    # torch frees what it gathered after moving it to the CPU, which ends the process if it was there already.
    options = dict(rank0_only=True, offload_to_cpu=False)
    return dict(
        state_dict_type='FULL_STATE_DICT',
        state_dict_config=dict(type='FullStateDictConfig', **options),
        optim_state_dict_config=dict(type='FullOptimStateDictConfig', **options),
    )


def _require_no_strategy(config: Config) -> None:
    if config.get('strategy') is not None:
        raise ValueError(
            f"The config has a strategy, but runner_type={config.get('runner_type', 'Runner')!r}, which knows none: "
            "set runner_type='FlexibleRunner', or remove the strategy."
        )


def _require_whole_checkpoints(strategy: dict[str, Any]) -> None:
    found = strategy.get('state_dict_cfg', 'local')
    kind = found.get('state_dict_type', 'LOCAL_STATE_DICT') if isinstance(found, dict) else found
    if str(kind).rpartition('.')[2] not in ('full', 'FULL_STATE_DICT'):
        raise ValueError(
            f"The FSDPStrategy has state_dict_cfg={found!r}, which writes a folder of shares that nothing but the same "
            "number of processes can read: set state_dict_cfg='full'."
        )


def _require_deepspeed(config: Config, device: str) -> None:
    if importlib.util.find_spec('deepspeed') is None:
        raise ImportError(
            'The config has the DeepSpeedStrategy, but deepspeed is not installed: install it by "pip install '
            'deepspeed==0.16.9", or take configs/_base_/strategies/fsdp.py.'
        )
    if importlib.util.find_spec('deepspeed.runtime.fp16.onebit') is None:
        raise ImportError(
            "The config has the DeepSpeedStrategy, and the deepspeed that is installed lacks 'onebit', which mmengine "
            'asks for: install an older one by "pip install deepspeed==0.16.9".'
        )
    if device == 'cpu':
        raise ValueError(
            'The config has the DeepSpeedStrategy and --device cpu was given, but mmkd sets it up on GPUs only: take '
            'configs/_base_/strategies/fsdp.py, or a GPU.'
        )
    wrapper = config.get('optim_wrapper') or {}
    if str(wrapper.get('type', 'OptimWrapper')).rpartition('.')[2] != 'DeepSpeedOptimWrapper':
        raise ValueError(
            f"The config has the DeepSpeedStrategy and an optim_wrapper of the type {wrapper.get('type')!r}, but "
            "DeepSpeed steps itself: write optim_wrapper=dict(_delete_=True, type='DeepSpeedOptimWrapper', "
            'optimizer=…), with bf16 or fp16 and gradient_clipping in the strategy.'
        )


def _require_sharding_hooks(config: Config, kind: str) -> None:
    for hook in config.get('custom_hooks') or []:
        name = str(hook.get('type') if isinstance(hook, dict) else type(hook).__name__)
        if name in WHOLE_MODEL_HOOKS:
            raise ValueError(
                f'The config has the hook {name!r} and the {kind}, whose processes hold a share of the model each, and '
                'the hook needs it whole: remove the hook, or take the DDPStrategy.'
            )
