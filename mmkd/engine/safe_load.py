"""Read checkpoints without running what is written in them."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer


def load_safely(path: str | Path, trusted: bool = False) -> Any:
    """Read a checkpoint on the CPU: tensors, plain Python values and the log buffers of mmengine, nothing else.

    A pickle may name any function to be called while it is read. Here such a file is refused, where the loader of
    mmengine's fork would read it with a warning.

    Args:
        path: A file, or a URL, which is fetched into torch's cache.
        trusted: Read the file whatever it is. It then may run any code.

    Raises:
        ValueError: If the file holds other objects and is not trusted, or is no checkpoint or damaged.
    """
    try:
        with torch.serialization.safe_globals(_harmless()):
            return _load(str(path), weights_only=not trusted)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'The checkpoint {str(path)!r} holds more than weights ({_reason(error)}), and reading it might run code: '
            'give a file of weights, or trusted=True where a config names the file and you know who wrote it.'
        ) from error
    except (RuntimeError, EOFError) as error:
        raise ValueError(
            f'The checkpoint {str(path)!r} cannot be read ({_reason(error)}): it is damaged or no checkpoint.'
        ) from error


def _load(path: str, weights_only: bool) -> Any:
    if '://' in path:
        return torch.hub.load_state_dict_from_url(path, map_location='cpu', weights_only=weights_only)
    return torch.load(path, map_location='cpu', weights_only=weights_only)


def _harmless() -> list[Callable]:
    # What mmengine's checkpoints hold beside weights: buffers of logged numbers.
    dtypes = [type(np.dtype(kind)) for kind in ('float32', 'float64', 'int32', 'int64', 'bool', 'uint8')]
    reconstruct = np.empty(0).__reduce__()[0]
    scalar = np.float64(0).__reduce__()[0]
    return [HistoryBuffer, *HistoryBuffer._statistics_methods.values(), np.ndarray, np.dtype, reconstruct, scalar,
            *dtypes]


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip() if str(error).strip() else type(error).__name__
