"""What every task offers to those who draw its samples."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from torch import nn

from mmkd.visualization.features import task_of_model
from mmkd.visualization.palette import Color, names_of, palette_of
from mmkd.visualization.picture import ImagePicture, Picture

PAINTERS = {
    'segmentation': ('mmkd.visualization.segmentation', 'SegmentationPainter'),
    'detection': ('mmkd.visualization.detection', 'DetectionPainter'),
    'classification': ('mmkd.visualization.classification', 'ClassificationPainter'),
}


class Painter(ABC):
    """Makes pictures of data samples of one task.

    Args:
        classes: Names of the classes.
        palette: Their colours in RGB, 0 to 255.
        score_threshold: Detection: boxes with a lower score are left out.
        top: Classification: how many of the most probable classes are shown.
    """

    truth_key: ClassVar[str]
    prediction_key: ClassVar[str]
    truth_name: ClassVar[str]

    def __init__(
        self, classes: Sequence[str], palette: Sequence[Color], score_threshold: float = 0.3, top: int = 5
    ) -> None:
        self.classes = classes
        self.palette = palette
        self.score_threshold = score_threshold
        self.top = top

    def has_truth(self, sample: Any) -> bool:
        """Whether a data sample has a ground truth."""
        return self.truth_key in sample

    def require_truth(self, sample: Any, name: str) -> None:
        """Check that a data sample has a ground truth.

        Raises:
            ValueError: If it has none.
        """
        if not self.has_truth(sample):
            raise ValueError(
                f"The dataset gives no {self.truth_name} for {name!r}: add LoadAnnotations to the split's pipeline, or "
                'choose another split.'
            )

    def require_prediction(self, sample: Any, model: nn.Module) -> None:
        """Check that a data sample has a prediction that can be drawn.

        Raises:
            TypeError: If it has none.
        """
        if self.prediction_key not in sample:
            raise TypeError(
                f'A {type(model).__name__} gives no {self.prediction_key}, and only that can be drawn: use another '
                'model.'
            )

    def paint(self, image: np.ndarray, sample: Any, predictions: Mapping[str, Any]) -> list[Picture]:
        """Pictures of the input, of the truth if there is one, and of each prediction.

        Args:
            image: Image (H, W, 3) in RGB, uint8.
            sample: Data sample with the truth.
            predictions: Data samples with predictions, by the name of the model; the name may be empty.
        """
        painted = [self.input(image, sample)]
        if self.has_truth(sample):
            painted += self.truth(image, sample)
        for name, prediction in predictions.items():
            title = f'prediction\n{name}' if name else 'prediction'
            painted.append(self.prediction(image, prediction, sample, title))
        return painted

    def input(self, image: np.ndarray, sample: Any) -> Picture:
        """Picture of the input."""
        return ImagePicture('input', image)

    @abstractmethod
    def truth(self, image: np.ndarray, sample: Any) -> list[Picture]:
        """Pictures of the truth."""

    @abstractmethod
    def prediction(self, image: np.ndarray, prediction: Any, sample: Any, title: str) -> Picture:
        """Picture of a prediction."""


def painter_of(model: nn.Module, metainfo: dict[str, Any], **options: Any) -> Painter:
    """The painter for a model's task.

    Args:
        model: A plain or a distilling model.
        metainfo: What the data set says of itself, ``classes`` and ``palette`` among it.
        options: Further arguments of :class:`Painter`.

    Raises:
        TypeError: If the model belongs to none of the toolboxes.
    """
    task = task_of_model(model)
    module, name = PAINTERS[task.name]
    count = max(task.num_classes(model), len(metainfo.get('classes') or []))
    return getattr(import_module(module), name)(names_of(metainfo, count), palette_of(metainfo, count), **options)
