"""Read checkpoints without running what is written in them."""

import pickle
import re
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch

HOSTS = ('mmengine', 'mmcv', 'mmseg', 'mmdet', 'mmpretrain', 'mmkd')
# How torch's reader of weights tells of an object that it does not make; other complaints are about bytes.
REFUSAL = re.compile(r'nsupported (global:|GLOBAL )|unrecognized function |Can only (create new object|build) ')

Global = Callable | tuple[Callable, str]


class UntrustedError(ValueError):
    """A checkpoint that holds more than weights, which might run code."""


def load_safely(path: str | Path, trusted: bool = False) -> Any:
    """Read a checkpoint on the CPU: tensors and plain Python values, nothing else.

    A pickle may name any function to be called while it is read. torch's reader of weights refuses all but a few. What
    mmengine writes beside the weights, its log buffers and schedulers, is read as empty placeholders; any other object
    makes the file refused, where the loader of mmengine's fork would read it with a warning.

    Args:
        path: A file, or a URL, which is fetched into torch's cache.
        trusted: Read the file whatever it is. It then may run any code.

    Raises:
        UntrustedError: If the file holds other objects and is not trusted.
        ValueError: If it is no checkpoint or damaged.
    """
    file = _fetched(str(path)) if '://' in str(path) else str(path)
    try:
        with torch.serialization.safe_globals([] if trusted else _harmless(file)):
            return torch.load(file, map_location='cpu', weights_only=not trusted)
    except pickle.UnpicklingError as error:
        if not REFUSAL.search(str(error)):
            raise _damaged(path, error) from error
        raise UntrustedError(
            f'The checkpoint {str(path)!r} holds more than weights ({_reason(error)}), and reading it might run code: '
            'give a file of weights, or trusted=True where a config names the file and you know who wrote it.'
        ) from error
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        raise _damaged(path, error) from error


class _Placeholder:
    """Stands for an object that nobody asks for; whatever it is made of is dropped."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __repr__(self) -> str:
        return 'of an object that is not read'


def numpy_globals() -> list[Global]:
    """The types of NumPy that log buffers consist of, and what makes them."""
    numpy_types = [np.ndarray, np.dtype]
    numpy_types += [type(np.dtype(kind)) for kind in ('float32', 'float64', 'int32', 'int64', 'bool', 'uint8')]
    for maker in (np.empty(0).__reduce__()[0], np.float64(0).__reduce__()[0]):
        # NumPy 2 has renamed the module in which NumPy 1 wrote them.
        numpy_types += [(maker, f'numpy.{core}.multiarray.{maker.__name__}') for core in ('core', '_core')]
    return numpy_types


def _harmless(file: str) -> list[Global]:
    unread = [(_Placeholder, name) for name in _unknown_globals(file) if _is_of_a_host(name)]
    # What others accept for good would be taken from them when safe_globals ends.
    accepted = torch.serialization.get_safe_globals()
    return [each for each in [*numpy_globals(), *unread] if each not in accepted]


def _is_of_a_host(name: str) -> bool:
    # Methods of log buffers and schedulers are written as getattr(class, name), which the placeholder never evaluates.
    return name.partition('.')[0] in HOSTS or name in ('builtins.getattr', '__builtin__.getattr')


def _unknown_globals(file: str) -> list[str]:
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except (ValueError, RuntimeError, OSError, pickle.UnpicklingError):
        # a file of the format before torch 1.6, or none at all, which is found out when it is read
        return []


def _fetched(url: str) -> str:
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    folder.mkdir(parents=True, exist_ok=True)
    # Files of different places often share a name such as epoch_12.pth.
    file = folder / f'{blake2b(url.encode(), digest_size=4).hexdigest()}-{Path(urlparse(url).path).name}'
    if not file.exists():
        torch.hub.download_url_to_file(url, str(file), progress=False)
    return str(file)


def _damaged(path: str | Path, error: Exception) -> ValueError:
    return ValueError(
        f'The checkpoint {str(path)!r} cannot be read ({_reason(error)}): it is damaged or no checkpoint, get it anew.'
    )


def _reason(error: Exception) -> str:
    # torch wraps the one informative sentence into advice.
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    told = next((line for line in lines if REFUSAL.search(line) or 'Unpickler error: ' in line), lines[0])
    told = told.rpartition('Unpickler error: ')[2].partition(' was not an allowed global')[0]
    return told.partition('. ')[0].rstrip('.')
