"""Load a teacher's weights, and refuse those that are not its own."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from logging import WARNING
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from torch import Tensor, nn

from mmkd.engine.checkpoint import PREFIX, read_checkpoint

MISSING_SHARE = 0.01
SHOWN = 3
# How torch tells of a clash; its loader knows of entries that a module renames or resizes by itself.
CLASH = re.compile(
    r'size mismatch for (\S+): copying a param with shape torch\.Size\(\[(.*?)\]\) from checkpoint, '
    r'the shape in current model is torch\.Size\(\[(.*?)\]\)'
)


def load_weights(model: nn.Module, checkpoint: str | Path | None, trusted: bool, name: str) -> None:
    """Load a checkpoint into a teacher.

    What the checkpoint has beyond the model, such as the training parts of a distilled student, is left out. Up to 1 %
    of the model's entries may be missing, which is said in the log.

    Args:
        model: The teacher.
        checkpoint: Path or URL.
        trusted: Whether the file may hold other objects than weights, see :func:`read_checkpoint`.
        name: What the teacher is called.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no checkpoint is named, more than 1 % of the model's entries are missing, or one has another
            shape.
    """
    if checkpoint is None:
        raise ValueError(
            f'The teacher {name!r} has no checkpoint, and random weights teach nothing: add checkpoint=… to it.'
        )
    weights = _plain_names(read_checkpoint(checkpoint, trusted)['state_dict'])
    missing = _load(model, weights, str(checkpoint), name)
    needed = [key for key in model.state_dict() if not key.endswith('num_batches_tracked')]
    missing = [key for key in needed if key in missing]
    if len(missing) > MISSING_SHARE * len(needed):
        raise ValueError(
            f'The checkpoint {str(checkpoint)!r} lacks {len(missing)} of {len(needed)} entries of the teacher '
            f'{name!r}: {_first(missing)}; give the checkpoint and the config of one training.'
        )
    if missing:
        told = f'The checkpoint {str(checkpoint)!r} lacks {_first(missing)}, which stay random in the teacher {name!r}.'
        print_log(told, logger='current', level=WARNING)


def _load(model: nn.Module, weights: Mapping[str, Any], checkpoint: str, name: str) -> set[str]:
    try:
        return set(model.load_state_dict(weights, strict=False).missing_keys)
    except RuntimeError as error:
        clashes = [f'{key} (({found}) for ({own}))' for key, found, own in CLASH.findall(str(error))]
        if not clashes:
            raise
        raise ValueError(
            f'The checkpoint {checkpoint!r} does not fit the teacher {name!r}: {_first(clashes)} have other shapes; '
            'give the checkpoint and the config of one training.'
        ) from error


def _plain_names(weights: Any) -> Mapping[str, Any]:
    named = weights.items() if isinstance(weights, Mapping) else ()
    plain = OrderedDict(
        (key.removeprefix('module.'), value)
        for key, value in named
        if isinstance(value, Tensor) and not key.startswith((PREFIX, f'module.{PREFIX}'))
    )
    # The versions of modules, by which they bring old weights to their present form.
    plain._metadata = {
        key.removeprefix('module.'): value for key, value in (getattr(weights, '_metadata', None) or {}).items()
    }
    return plain


def _first(names: list[str]) -> str:
    return ', '.join(names[:SHOWN]) + (' and others' if len(names) > SHOWN else '')
