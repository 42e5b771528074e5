"""Look into checkpoints before they are trusted."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from mmkd.engine.safe_load import load_safely

PREFIX = 'distill.'


def require_checkpoint(path: str | Path | None) -> None:
    """Check that a checkpoint exists, unless it is a URL or None.

    Raises:
        FileNotFoundError: If it does not.
    """
    if path is not None and '://' not in str(path) and not Path(path).is_file():
        raise FileNotFoundError(f'There is no checkpoint {str(path)!r}: correct the path.')


def read_checkpoint(path: str | Path, trusted: bool = False) -> dict[str, Any]:
    """A checkpoint as mmengine writes it; a bare state dict is put below ``'state_dict'``.

    Args:
        path: A file or a URL.
        trusted: Whether the file may run code of its own while it is read, see :func:`load_safely`.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no checkpoint, or holds more than weights and is not trusted.
    """
    require_checkpoint(path)
    loaded = load_safely(path, trusted)
    if not isinstance(loaded, dict):
        raise ValueError(f'{str(path)!r} holds a {type(loaded).__name__}, but a checkpoint is a dict: give another.')
    return loaded if 'state_dict' in loaded else dict(state_dict=loaded)


def require_fit(model: nn.Module, weights: dict[str, Tensor], name: str, training_parts: bool = False) -> None:
    """Check that weights cover a model, because mmengine only logs what is missing or has another shape.

    Args:
        model: A plain or a distilling student.
        weights: The state dict of a checkpoint.
        name: What the checkpoint is called in the message.
        training_parts: Whether what lies below ``distill.`` must be there too.

    Raises:
        ValueError: If an entry is missing or has another shape.
    """
    own = {key: value for key, value in model.state_dict().items() if not key.endswith('num_batches_tracked')}
    if not training_parts:
        own = {key: value for key, value in own.items() if not key.startswith(PREFIX)}
    wrong = sorted(key for key, value in own.items() if key not in weights or weights[key].shape != value.shape)
    if wrong:
        raise ValueError(
            f'The checkpoint {name!r} lacks {len(wrong)} of {len(own)} entries of the model, or has them in another '
            f'shape, {wrong[0]!r} among them: give the checkpoint of this config.'
        )
