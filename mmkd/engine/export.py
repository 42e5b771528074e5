"""Separate the student from what only its training needed."""

import io
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from mmkd.engine.checkpoint import PREFIX, read_checkpoint, require_fit
from mmkd.engine.config import has_subnets, plain_model, undistil, without_teachers
from mmkd.engine.whole_file import write_whole
from mmkd.networks.dynamic_depth import FULL
from mmkd.subnets import net_names, plain_state


def export_student(config: Config, checkpoint: Path, out: Path, subnet: str | None = None) -> tuple[Path, Path]:
    """Write the plain student's checkpoint and config.

    Nothing is written unless the weights cover the plain student.

    Args:
        config: The config of the distilled training.
        checkpoint: Its checkpoint.
        out: The checkpoint to write. The config goes beside it, with the ending ``.py``.
        subnet: The net of a student of dynamic depth, by default the full one.

    Returns:
        The paths of checkpoint and config.

    Raises:
        FileNotFoundError: If the checkpoint does not exist.
        KeyError: If the student has no such net.
        OSError: If the new one cannot be written.
        ValueError: If its weights are not those of the config's student, or it is not of dynamic depth.
    """
    loaded = read_checkpoint(checkpoint)
    if subnet is not None or has_subnets(config):
        config = without_teachers(config)
        weights = choose_net(config, loaded['state_dict'], subnet or FULL, checkpoint.name)
    else:
        weights = {key: value for key, value in loaded['state_dict'].items() if not key.startswith(PREFIX)}
    config = undistil(config)
    require_fit(build_model(config), weights, checkpoint.name)
    # Class names and colours travel in the checkpoint; the toolboxes' inferencers look for them there.
    meta = {key: value for key, value in loaded.get('meta', {}).items() if key == 'dataset_meta'}
    with io.BytesIO() as file:
        torch.save(dict(meta=meta, state_dict=weights), file)
        write_whole(out, file.getvalue())
    config.dump(out.with_suffix('.py'))
    return out, out.with_suffix('.py')


def choose_net(config: Config, weights: dict[str, Tensor], name: str, checkpoint: str) -> dict[str, Tensor]:
    """Turn a config into that of one of its nets; returns the net's weights.

    Args:
        config: The config, which is changed.
        weights: A checkpoint of what it builds.
        name: The net.
        checkpoint: What the checkpoint is called in a message.

    Raises:
        KeyError: If there is no such net.
        ValueError: If the model is not of dynamic depth, or the weights are not its own.
    """
    model = build_model(config)
    if not net_names(model):
        raise ValueError(
            f'--subnet {name} was given, but the backbone is a {type(model.backbone).__name__} without sub-nets: leave '
            'the option out.'
        )
    require_fit(model, weights, checkpoint, training_parts=True)
    model.load_state_dict({key: value for key, value in weights.items() if key in model.state_dict()}, strict=False)
    student = plain_model(config)
    student.backbone = model.backbone.plain_config(name)
    if student.get('pretrained') is not None:
        # segmentors hand theirs to the backbone, but another net has other weights
        student.backbone.pop('pretrained', None)
        student.pretrained = None
    return plain_state(model, name)


def build_model(config: Config) -> nn.Module:
    """The model of a config, under its default scope."""
    init_default_scope(config.get('default_scope', 'mmengine'))
    model = dict(config.model)
    if 'data_preprocessor' in config:
        model.setdefault('data_preprocessor', config.data_preprocessor)
    return MODELS.build(model)
