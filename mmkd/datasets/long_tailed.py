"""Make a balanced classification data set long-tailed."""

import copy
from typing import Any

import numpy as np
from mmengine.registry import DATASETS as MMENGINE_DATASETS

from mmkd.registry import DATASETS


@DATASETS.register_module()
class LongTailed:
    r"""A data set of which later classes have fewer images.

    Of class :math:`c` of :math:`C` it keeps

    .. math:: n_c = \lfloor n_{max} \, r^{-c / (C - 1)} \rfloor

    images, and at least one: :math:`n_{max}`, the size of the largest class, of the first class, and a share of
    :math:`1 / r` of it of the last. Which ones is drawn once, by the seed alone. CIFAR-100 with :math:`r = 100` has 500
    images of class 0, 5 of class 99 and 10,847 in all. A class that has fewer than :math:`n_c` keeps all of its own.

    Cao et al., `Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss
    <https://arxiv.org/abs/1906.07413>`_, NeurIPS 2019, made CIFAR long-tailed in this form.

    Args:
        dataset: Config of a classification data set with one label per image, or the data set itself.
        imbalance_factor: :math:`r`, the size of the first class over that of the last, at least 1.
        seed: Of the draw.
        lazy_init: Whether annotations are read at first use instead of now.

    Raises:
        TypeError: If an image has no label, or several.
        ValueError: If ``imbalance_factor`` is below 1.

    Examples:
        >>> dataset = dict(type='mmkd.LongTailed', dataset=dict(type='CIFAR100', ...), imbalance_factor=100)
    """

    def __init__(
        self, dataset: dict | Any, imbalance_factor: float = 100.0, seed: int = 0, lazy_init: bool = False
    ) -> None:
        if not imbalance_factor >= 1:
            raise ValueError(
                f'LongTailed has imbalance_factor={imbalance_factor}, but it must be at least 1, the size of the '
                'first class over that of the last: raise it.'
            )
        self.dataset = MMENGINE_DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.imbalance_factor = imbalance_factor
        self.seed = seed
        self._indices: np.ndarray | None = None
        if not lazy_init:
            self.full_init()

    @property
    def metainfo(self) -> dict:
        """That of the whole data set: all of its classes are left."""
        return copy.deepcopy(self.dataset.metainfo)

    def full_init(self) -> None:
        """Read annotations and draw."""
        if self._indices is None:
            self.dataset.full_init()
            labels = _labels(self.dataset)
            classes = self.dataset.metainfo.get('classes')
            count = len(classes) if classes is not None else int(labels.max()) + 1
            self._indices = long_tail(labels, count, self.imbalance_factor, self.seed)

    @property
    def indices(self) -> np.ndarray:
        """Which images of the whole data set are kept, in their order."""
        self.full_init()
        return self._indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def get_data_info(self, index: int) -> dict:
        """The annotation of an image."""
        return self.dataset.get_data_info(int(self.indices[index]))

    def get_cat_ids(self, index: int) -> list[int]:
        """The class of an image, in a list."""
        return self.dataset.get_cat_ids(int(self.indices[index]))

    def get_gt_labels(self) -> np.ndarray:
        """The classes of all images that are kept."""
        return _labels(self.dataset)[self.indices]


def long_tail(labels: np.ndarray, num_classes: int, imbalance_factor: float, seed: int) -> np.ndarray:
    """Indices that are kept of a data set, see :class:`LongTailed`.

    Args:
        labels: Class of every image.
        num_classes: Number of classes C.
        imbalance_factor: Size of the first class over that of the last.
        seed: Of the draw.
    """
    largest = np.bincount(labels, minlength=num_classes).max()
    random = np.random.default_rng(seed)
    kept = []
    for label in range(num_classes):
        # 500 / 100 must be 5, whatever the power of a fraction is rounded to.
        size = np.floor(largest * imbalance_factor ** (-label / max(num_classes - 1, 1)) + 1e-9)
        kept.append(random.permutation(np.flatnonzero(labels == label))[: max(int(size), 1)])
    return np.sort(np.concatenate(kept))


def _labels(dataset: Any) -> np.ndarray:
    try:
        labels = np.asarray(
            dataset.get_gt_labels()
            if hasattr(dataset, 'get_gt_labels')
            else [dataset.get_data_info(index)['gt_label'] for index in range(len(dataset))]
        )
    except (KeyError, ValueError):
        # Nothing is known of an image, or not equally many classes of each.
        labels = np.empty(0)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise TypeError(
            f'LongTailed was given a {type(dataset).__name__}, but one class per image is needed: wrap a data set with '
            'one gt_label per image.'
        )
    return labels
