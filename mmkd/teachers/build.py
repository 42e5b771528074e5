"""Make teachers of what a config says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmkd.engine.config import load_config, plain_model
from mmkd.engine.pretrained import without_pretrained
from mmkd.registry import MODELS as MMKD_MODELS
from mmkd.registry import told
from mmkd.tasks import task_of
from mmkd.teachers.cache import build_cache
from mmkd.teachers.external_teacher import ExternalTeacher
from mmkd.teachers.weights import load_weights

KEYS = ('config', 'checkpoint', 'weight', 'autocast', 'taps', 'trusted', 'cache')

TeacherConfig = dict | Sequence[dict]


def build_teachers(configs: TeacherConfig) -> list[ExternalTeacher]:
    """Build and load one teacher or several.

    Args:
        configs: ``dict(config=…, checkpoint=…)`` or a list of such. ``config`` is a path, a packaged config
            (``'mmseg::…'``) or an inline dict: a model's, or a whole config with ``model``. ``checkpoint`` is a path or
            a URL. Further keys: ``weight``, which multiplies the terms of this teacher (one divided by their number if
            none is given), ``autocast`` and ``taps``, see :class:`ExternalTeacher` and :class:`mmkd.tasks.base.Task`,
            ``trusted=True`` for a file that is more than weights, and ``cache``, see :mod:`mmkd.teachers.cache`.

    Raises:
        FileNotFoundError: If a config or checkpoint does not exist.
        TypeError: If a teacher belongs to no toolbox.
        ValueError: If a key is unknown, a checkpoint is not named or does not fit.
    """
    configs = list(configs) if isinstance(configs, list | tuple) else [configs]
    for config in configs:
        if not isinstance(config, dict):
            raise ValueError(
                f'The teacher is {config!r}, but a dict is needed: write teacher=dict(config=…, checkpoint=…).'
            )
    if not configs:
        raise ValueError('teacher is an empty list, but at least one is needed: write teacher=dict(config=…, …).')
    return [_build(dict(config), 1 / len(configs), slot) for slot, config in enumerate(configs)]


def build_model(config: str | Path | dict | Config) -> nn.Module:
    """The model of a teacher with the weights of its initialisation.

    Args:
        config: As in :func:`build_teachers`.
    """
    return _build_model(*_model_config(config))


def _build(config: dict[str, Any], weight: float, slot: int) -> ExternalTeacher:
    unknown = sorted(set(config) - set(KEYS))
    if unknown or 'config' not in config:
        found = f'the unknown keys {unknown}' if unknown else f'the keys {sorted(config)} without config'
        raise ValueError(f'The teacher has {found}, but config is needed and {", ".join(KEYS)} are legal: correct it.')
    model_config, name = _model_config(config['config'])
    model = _build_model(model_config, name)
    load_weights(model, config.get('checkpoint'), config.get('trusted', False), name)
    teacher = ExternalTeacher(
        model,
        task_of(model, config.get('taps')),
        _checked_weight(config.get('weight', weight)),
        config.get('autocast'),
        name,
    )
    teacher.cache = build_cache(config.get('cache'), teacher, slot, repr(model_config))
    return teacher


def _model_config(config: str | Path | dict | Config) -> tuple[dict, str]:
    """The config of a teacher's model with its scope in it, and what the teacher is called."""
    if isinstance(config, str | Path):
        name, config = str(config), load_config(str(config))
    else:
        config = Config(dict(config) if 'model' in config else dict(model=dict(config)))
        name = str(config.model.get('type'))
    if not config.get('model', {}).get('type'):
        raise ValueError(f'The config of the teacher {name!r} has no model with a type: give that of a whole training.')
    # A distilled student may teach: its own model is what counts.
    model = without_pretrained(dict(plain_model(config)))
    if config.get('data_preprocessor') is not None:
        model.setdefault('data_preprocessor', config.data_preprocessor)
    if config.get('default_scope') is not None:
        model.setdefault('_scope_', config.default_scope)
    return model, name


def _build_model(config: dict, name: str) -> nn.Module:
    config = dict(config)
    present = DefaultScope.get_current_instance()
    scope = config.pop('_scope_', present.scope_name if present else 'mmengine')
    # The registries of the toolboxes look names up in the default scope, wherever the first look-up began.
    with (
        told(f'The teacher {name!r}'),
        DefaultScope.overwrite_default_scope(scope),
        MMKD_MODELS.switch_scope_and_registry(scope),
    ):
        return revert_sync_batchnorm(MODELS.build(dict(config, _scope_=scope)))


def _checked_weight(weight: float) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float('inf'):
        raise ValueError(
            f'The teacher has weight={weight!r}, but a finite number above 0 is needed: remove a teacher that shall '
            'not teach.'
        )
    return float(weight)
