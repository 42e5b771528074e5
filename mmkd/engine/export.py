"""Separate the student from what only its training needed."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmkd.engine.checkpoint import PREFIX, read_checkpoint, require_fit
from mmkd.engine.config import undistil


def export_student(config: Config, checkpoint: Path, out: Path) -> tuple[Path, Path]:
    """Write the plain student's checkpoint and config.

    Nothing is written unless the weights cover the plain student.

    Args:
        config: The config of the distilled training.
        checkpoint: Its checkpoint.
        out: The checkpoint to write. The config goes beside it, with the ending ``.py``.

    Returns:
        The paths of checkpoint and config.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        ValueError: If its weights are not those of the config's student.
    """
    config = undistil(config)
    loaded = read_checkpoint(checkpoint)
    weights = {key: value for key, value in loaded['state_dict'].items() if not key.startswith(PREFIX)}
    require_fit(_build(config), weights, checkpoint.name)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Class names and colours travel in the checkpoint; the toolboxes' inferencers look for them there.
    meta = {key: value for key, value in loaded.get('meta', {}).items() if key == 'dataset_meta'}
    torch.save(dict(meta=meta, state_dict=weights), out)
    config.dump(out.with_suffix('.py'))
    return out, out.with_suffix('.py')


def _build(config: Config) -> nn.Module:
    init_default_scope(config.get('default_scope', 'mmengine'))
    model = dict(config.model)
    if 'data_preprocessor' in config:
        model.setdefault('data_preprocessor', config.data_preprocessor)
    return MODELS.build(model)
