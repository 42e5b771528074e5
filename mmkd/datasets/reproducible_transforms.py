"""Make random augmentation a function of the image."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

import numpy as np
import torch
from mmcv.transforms import BaseTransform, Compose

from mmkd.registry import TRANSFORMS

NAMES = ('img_path', 'img_id', 'sample_idx')


@TRANSFORMS.register_module()
class ReproducibleTransforms(BaseTransform):
    """Runs random transforms so that an image looks the same whenever it comes again.

    What they draw from the generators of Python, NumPy and torch follows from the seed, the image and the number of a
    view; the generators are as before afterwards. A teacher's cache then finds what it has seen: with one view from the
    second epoch on, with V views the share 1 − (1 − 1/V)^e of the images after e epochs. More views mean more
    augmentation, and more to compute and to store.

    Augmentation outside, such as the mixing of a ``MultiImageMixDataset`` or of a data preprocessor, stays random.

    Args:
        transforms: Configs of the transforms, in their order.
        num_views: Number of different looks of an image, one of which is drawn at each access.
        seed: Another seed gives other looks.

    Raises:
        ValueError: If ``num_views`` is below 1.

    Examples:
        >>> pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='mmkd.ReproducibleTransforms', num_views=4, transforms=[
        ...         dict(type='RandomCrop', crop_size=32, padding=4), dict(type='RandomFlip', prob=0.5)]),
        ...     dict(type='PackInputs')]
    """

    def __init__(self, transforms: Sequence[dict | Callable], num_views: int = 1, seed: int = 0) -> None:
        if num_views < 1:
            raise ValueError(f'ReproducibleTransforms has num_views={num_views}, but at least 1 is needed: raise it.')
        self.transforms = Compose(list(transforms))
        self.num_views = num_views
        self.seed = seed

    def transform(self, results: dict) -> dict | None:
        """Draw a view and run the transforms on it.

        Raises:
            ValueError: If the image has neither a path nor a number.
        """
        view = int(np.random.randint(self.num_views)) if self.num_views > 1 else 0
        with seeded(f'{self.seed}/{_name(results)}/{view}'):
            return self.transforms(results)

    def __repr__(self) -> str:
        return f'ReproducibleTransforms({self.transforms}, num_views={self.num_views}, seed={self.seed})'


@contextmanager
def seeded(name: str) -> Iterator[None]:
    """A context in which the generators of Python, NumPy and torch follow from a name, and are as before afterwards."""
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    number = int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), 'little')
    try:
        random.seed(number)
        np.random.seed(number % 2**32)
        # that of the CPU alone: a process that loads data must not touch a GPU
        torch.default_generator.manual_seed(number % 2**63)
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def _name(results: dict) -> str:
    for name in NAMES:
        if results.get(name) is not None:
            return str(results[name])
    raise ValueError(
        f'ReproducibleTransforms needs one of {NAMES} to tell images apart, but the results have {sorted(results)}: '
        'put it behind the transform that loads the image.'
    )
