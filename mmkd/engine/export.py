"""Separate the student from what only its training needed."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner.checkpoint import _load_checkpoint

from mmkd.engine.config import undistil

PREFIX = 'distill.'


def export_student(config: Config, checkpoint: Path, out: Path) -> tuple[Path, Path]:
    """Write the plain student's checkpoint and config.

    The weights are loaded strictly into the plain student before anything is written.

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
    if not checkpoint.is_file():
        raise FileNotFoundError(f'There is no checkpoint {str(checkpoint)!r}: correct the path.')
    config = undistil(config)
    loaded = _load_checkpoint(str(checkpoint), map_location='cpu')
    weights = {key: value for key, value in loaded.get('state_dict', loaded).items() if not key.startswith(PREFIX)}
    _check_weights(config, weights)
    out.parent.mkdir(parents=True, exist_ok=True)
    meta = {key: value for key, value in loaded.get('meta', {}).items() if key in ('dataset_meta', 'epoch', 'iter')}
    torch.save(dict(meta=meta, state_dict=weights), out)
    config.dump(out.with_suffix('.py'))
    return out, out.with_suffix('.py')


def _check_weights(config: Config, weights: dict[str, torch.Tensor]) -> None:
    init_default_scope(config.get('default_scope', 'mmengine'))
    model = dict(config.model)
    if 'data_preprocessor' in config:
        model.setdefault('data_preprocessor', config.data_preprocessor)
    try:
        MODELS.build(model).load_state_dict(weights, strict=True)
    except RuntimeError as error:
        first = ' '.join(str(error).split())[:200]
        raise ValueError(
            f'The checkpoint does not fit the student of the config ({first}…): give the config that it was trained '
            f'with.'
        ) from error
