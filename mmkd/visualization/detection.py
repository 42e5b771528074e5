"""Boxes with the names of their classes and scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from mmkd.visualization.box_labels import draw_box_labels
from mmkd.visualization.painter import Painter
from mmkd.visualization.palette import shorten
from mmkd.visualization.picture import ImagePicture

MOST_BOXES = 100
LENGTHS = (24, 9)


@dataclass
class BoxPicture(ImagePicture):
    """An image with boxes.

    Args:
        boxes: Left, top, right and bottom (M, 4) in the image's coordinates, the most certain first.
        texts: What may be written at each, the best first; the others are for where that finds no room.
        colors: Their colours (M, 3) in RGB, 0 to 1.
    """

    boxes: np.ndarray
    texts: Sequence[Sequence[str]]
    colors: Sequence[Sequence[float]]

    def draw(self, axis: Axes) -> None:
        """Draw the image, the boxes and as many of their texts as fit side by side."""
        super().draw(axis)
        for (left, top, right, bottom), color in reversed(list(zip(self.boxes, self.colors, strict=True))):
            frame = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=color, linewidth=1.4)
            axis.add_patch(frame)
        # matplotlib would make room for boxes that reach beyond the image
        axis.set(xlim=(0, self.size[1]), ylim=(self.size[0], 0))
        draw_box_labels(axis, self.boxes, self.texts, self.colors)


class DetectionPainter(Painter):
    """Boxes of mmdet's detectors over the image that the network saw.

    As everywhere in mmdet's validation, boxes of truth and prediction are those of the original image; they are scaled
    by the ``scale_factor`` of the data sample.
    """

    truth_key: ClassVar[str] = 'gt_instances'
    prediction_key: ClassVar[str] = 'pred_instances'
    truth_name: ClassVar[str] = 'boxes'

    def has_truth(self, sample: Any) -> bool:
        """Whether the data sample has boxes, none at all included."""
        return super().has_truth(sample) and 'bboxes' in sample.gt_instances

    def truth(self, image: np.ndarray, sample: Any) -> list[BoxPicture]:
        """The boxes of the data set."""
        return [self._boxed('truth', image, sample.gt_instances, sample, _count(len(sample.gt_instances)))]

    def prediction(self, image: np.ndarray, prediction: Any, sample: Any, title: str) -> BoxPicture:
        """The boxes whose score reaches the threshold."""
        found = prediction.pred_instances
        scores = found.scores.detach()
        kept = found[scores >= self.score_threshold]
        note = f'{_count(len(kept))} ≥ {self.score_threshold:g}'
        if not len(kept) and len(scores):
            note += f', the best has {float(scores.max()):.2f}'
        if len(kept) > MOST_BOXES:
            note += f', the best {MOST_BOXES} drawn'
        kept = kept[kept.scores.argsort(descending=True)][:MOST_BOXES]
        return self._boxed(title, image, kept, prediction, note)

    def _boxed(self, title: str, image: np.ndarray, instances: Any, sample: Any, note: str) -> BoxPicture:
        boxes = getattr(instances.bboxes, 'tensor', instances.bboxes).detach().float().cpu()
        scale = torch.tensor([float(value) for value in sample.get('scale_factor', (1.0, 1.0))])
        labels = instances.labels.tolist()
        scores = [f' {score:.2f}' for score in instances.get('scores', [])] or [''] * len(labels)
        texts = [
            [f'{shorten(self.classes[label], length)}{score}' for length in LENGTHS]
            for label, score in zip(labels, scores, strict=True)
        ]
        colors = [[value / 255 for value in self.palette[label]] for label in labels]
        counts = {label: labels.count(label) for label in labels}
        return BoxPicture(
            title, image, (boxes * scale.repeat(2)).numpy(), texts, colors, note=note, counts=counts
        )


def _count(number: int) -> str:
    return f'{number or "no"} box{"" if number == 1 else "es"}'
