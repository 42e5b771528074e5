"""Short names of teachers and of images: equal where the contents are."""

import json
import sys
from hashlib import blake2b
from itertools import chain

import torch
from torch import Tensor, nn

from mmkd.version import __version__

FORMAT = 1
"""Counts the ways in which outputs have been computed and written."""
SIZE = 16
"""Bytes of a fingerprint."""


def fingerprint(model: nn.Module, settings: dict) -> str:
    """Hexadecimal digits that change with a teacher's weights, structure, settings and the libraries it runs on.

    Args:
        model: The teacher.
        settings: What else its outputs depend on, in types of JSON.
    """
    toolbox = sys.modules[type(model).__module__.partition('.')[0]]
    libraries = [FORMAT, __version__, torch.__version__, toolbox.__name__, getattr(toolbox, '__version__', '')]
    digest = blake2b(json.dumps([libraries, settings, repr(model)], sort_keys=True).encode(), digest_size=SIZE)
    for name, values in chain(model.named_parameters(), model.named_buffers()):
        digest.update(name.encode())
        _add(digest, values.cpu())
    return digest.hexdigest()


def image_keys(images: Tensor) -> list[bytes]:
    """A key of each image of a batch (N, C, H, W), by its pixels: augmentation and normalisation are in them."""
    keys = []
    for image in images.detach().cpu():
        digest = blake2b(digest_size=SIZE)
        _add(digest, image)
        keys.append(digest.digest())
    return keys


def _add(digest: blake2b, values: Tensor) -> None:
    digest.update(f'{tuple(values.shape)}{values.dtype}'.encode())
    digest.update(values.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
