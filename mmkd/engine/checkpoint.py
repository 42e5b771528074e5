"""Look into checkpoints before they are trusted."""

from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present

from mmkd.engine.safe_load import UntrustedError, load_safely
from mmkd.engine.strategies import DEEPSPEED, strategy_of

PREFIX = 'distill.'
WRAPPER = 'module.'


def require_checkpoint(path: str | Path | None) -> None:
    """Check that a checkpoint exists, unless it is a URL or None.

    Raises:
        FileNotFoundError: If it does not.
    """
    if path is not None and '://' not in str(path) and not Path(path).exists():
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
    if Path(path).is_dir():
        raise ValueError(
            f'The checkpoint {str(path)!r} is a folder, but a file is needed: correct the path, or turn what DeepSpeed '
            'wrote into a file by its zero_to_fp32.py, which lies beside the folder.'
        )
    loaded = load_safely(path, trusted)
    if not isinstance(loaded, dict):
        raise ValueError(f'{str(path)!r} holds a {type(loaded).__name__}, but a checkpoint is a dict: give another.')
    checkpoint = loaded if 'state_dict' in loaded else dict(state_dict=loaded)
    weights = checkpoint['state_dict']
    if not isinstance(weights, dict) or not all(isinstance(key, str) for key in weights):
        raise ValueError(
            f'{str(path)!r} has a {type(weights).__name__} for its state_dict, but a dict of weights by their names is '
            'needed: give another.'
        )
    if all(str(key).startswith(WRAPPER) for key in weights):
        # mmengine's DDPStrategy writes the names that parameters have inside of its wrapper.
        consume_prefix_in_state_dict_if_present(weights, WRAPPER)
    return checkpoint


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
    wrong = sorted(key for key, value in own.items() if getattr(weights.get(key), 'shape', None) != value.shape)
    if wrong:
        raise ValueError(
            f'The checkpoint {name!r} lacks {len(wrong)} of {len(own)} entries of the model, or has them in another '
            f'shape, {wrong[0]!r} among them: give the checkpoint of this config.'
        )


def require_start(config: Config, model: nn.Module) -> None:
    """Check the checkpoint that a training goes on from or starts with, before mmengine reads it.

    A file that holds more than weights, and what DeepSpeed writes, are left to the loaders that ``load_from`` and
    ``resume`` go through.

    Args:
        config: The config of the training.
        model: Its model.

    Raises:
        FileNotFoundError: If it does not exist.
        ValueError: If it is no checkpoint or damaged, or the training is to go on from another model's.
    """
    path = config.get('load_from') or (_last_checkpoint(config.work_dir) if config.get('resume') else None)
    if path is None or '://' in str(path) or strategy_of(config) == DEEPSPEED:
        return
    try:
        weights = read_checkpoint(path)['state_dict']
    except UntrustedError:
        return
    if config.get('resume'):
        model = model.module if is_model_wrapper(model) else model
        require_fit(model, weights, Path(path).name, training_parts=True)


def _last_checkpoint(work_dir: str) -> str | None:
    pointer = Path(work_dir, 'last_checkpoint')
    if not pointer.is_file():
        return None
    path = pointer.read_text().strip()
    if not path or (not Path(path).exists() and '://' not in path):
        raise FileNotFoundError(
            f'{str(pointer)!r} names the last checkpoint {path!r}, which does not exist: name another by --resume, '
            'or remove the first file to start anew.'
        )
    return path
