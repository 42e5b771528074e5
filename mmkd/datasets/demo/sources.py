"""What the demo data is drawn from: digits and photographs that packages ship, held apart between the splits."""
import dataclasses
import importlib.util
import pathlib

import cv2
import numpy as np

SPLITS = ('train', 'val', 'test')
CLASSES = tuple('0123456789')  # folders of these names sort in the order of the labels
PHOTOGRAPHS = dict(
    train=('astronaut.png', 'coffee.png', 'grass.png', 'coins.png', 'motorcycle_left.png', 'ihc.png', 'moon.png',
           'hubble_deep_field.jpg'),
    val=('chelsea.png', 'gravel.png', 'retina.jpg'),
    test=('camera.png', 'rocket.jpg', 'brick.png'))
# load_digits() lists its 13 writers one after the other, about 138 digits each: whole blocks hold writers apart, a
# shuffle would not
WRITERS, WRITER_BLOCKS = 13, dict(train=(0, 7), val=(7, 10), test=(10, 13))
INSTALL = 'pip install scikit-image scikit-learn'


@dataclasses.dataclass(frozen=True)
class Sources:
    """What one split is drawn from.

    Attributes:
        photographs: uint8 BGR images of shape (H, W, 3).
        digits: ten float32 arrays of shape (M, 8, 8) in 0..1, one per class.
        indices: for each class the positions of its digits in ``load_digits()``.
    """

    photographs: list[np.ndarray]
    digits: list[np.ndarray]
    indices: list[np.ndarray]


def load_sources(split: str) -> Sources:
    """Load the photographs and digits of one split.

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``; no photograph and no digit belongs to two of them.

    Raises:
        ModuleNotFoundError: If scikit-image or scikit-learn is not installed.
        FileNotFoundError: If scikit-image does not contain one of the photographs.
    """
    images, target = _load_digits()
    block = digit_block(split, len(target))
    indices = [block[target[block] == label] for label in range(10)]
    photographs = [_load_photograph(name) for name in PHOTOGRAPHS[split]]
    return Sources(photographs, [images[index] for index in indices], indices)


def digit_block(split: str, total: int) -> np.ndarray:
    """Positions in ``load_digits()`` that belong to a split: whole blocks of writers."""
    first, last = WRITER_BLOCKS[split]
    return np.arange(total * first // WRITERS, total * last // WRITERS)


def _load_digits() -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f'The demo data needs scikit-learn, which is not installed: {INSTALL}.') from error
    digits = load_digits()
    return (digits.images / 16).astype(np.float32), digits.target


def _load_photograph(name: str) -> np.ndarray:
    # The file itself is read: skimage.data would fetch a missing one from the network.
    package = importlib.util.find_spec('skimage')
    if package is None or package.origin is None:
        raise ModuleNotFoundError(f'The demo data needs scikit-image, which is not installed: {INSTALL}.')
    path = pathlib.Path(package.origin).parent / 'data' / name
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if image is None:
        raise FileNotFoundError(
            f'scikit-image does not contain the photograph {name}: reinstall it with {INSTALL} --force-reinstall.')
    return image
