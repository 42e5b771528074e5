"""Load a teacher's weights, and refuse those that are not its own."""

from pathlib import Path

from torch import nn

from mmkd.engine.checkpoint import PREFIX, read_checkpoint

MISSING_SHARE = 0.01
SHOWN = 3


def load_weights(model: nn.Module, checkpoint: str | Path | None, trusted: bool, name: str) -> None:
    """Load a checkpoint into a teacher.

    What the checkpoint has beyond the model, such as the training parts of a distilled student, is left out.

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
    own = model.state_dict()
    clashes = [
        f'{key} ({tuple(weights[key].shape)} for {tuple(value.shape)})'
        for key, value in own.items()
        if key in weights and weights[key].shape != value.shape
    ]
    if clashes:
        raise ValueError(
            f'The checkpoint {str(checkpoint)!r} does not fit the teacher {name!r}: {_first(clashes)} have other '
            'shapes; give the checkpoint and the config of one training.'
        )
    needed = [key for key in own if not key.endswith('num_batches_tracked')]
    missing = [key for key in needed if key not in weights]
    if len(missing) > MISSING_SHARE * len(needed):
        raise ValueError(
            f'The checkpoint {str(checkpoint)!r} lacks {len(missing)} of {len(needed)} entries of the teacher '
            f'{name!r}: {_first(missing)}; give the checkpoint and the config of one training.'
        )
    model.load_state_dict(weights, strict=False)


def _plain_names(weights: dict) -> dict:
    plain = {key.removeprefix('module.'): value for key, value in weights.items()}
    return {key: value for key, value in plain.items() if not key.startswith(PREFIX)}


def _first(names: list[str]) -> str:
    return ', '.join(names[:SHOWN]) + (' and others' if len(names) > SHOWN else '')
