"""Class names with probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from mmkd.visualization.painter import Painter
from mmkd.visualization.palette import shorten
from mmkd.visualization.picture import ImagePicture, Picture
from mmkd.visualization.title import CHARACTER, LINE

RIGHT, WRONG, OTHER, EMPTY = '#8fd19e', '#f2a1a1', '#c8c8c8', '#f3f3f3'
MARKS = {RIGHT: ' ✓', WRONG: ' ✗'}


@dataclass
class BarPicture(Picture):
    """Classes below each other, with a bar as long as the probability.

    Args:
        names: Names of the classes.
        values: Their probabilities.
        colors: Colours of their bars; those of right and wrong classes are also marked by a tick and a cross.
    """

    names: Sequence[str]
    values: Sequence[float]
    colors: Sequence[str]

    @property
    def least_size(self) -> tuple[float, float]:
        """Room for names and numbers, in inches."""
        return 1.9, len(self.names) * LINE

    def draw(self, axis: Axes) -> None:
        """Draw the bars, with the names in them."""
        inches = axis.get_window_extent().width / axis.figure.dpi
        length = max(6, int(0.8 * inches / CHARACTER) - 2)
        rows = range(len(self.names))
        axis.barh(rows, 1, height=0.86, color=EMPTY)
        axis.barh(rows, self.values, height=0.86, color=self.colors)
        axis.set(xlim=(0, 1), ylim=(len(self.names) - 0.4, -0.6))
        axis.spines['left'].set(visible=True, color='0.5', linewidth=0.8)
        for row, name, value, color in zip(rows, self.names, self.values, self.colors, strict=True):
            text = dict(va='center', fontsize=8, parse_math=False)
            axis.text(0.02, row, f'{shorten(name, length)}{MARKS.get(color, "")}', **text)
            axis.text(0.98, row, f'{value:.2f}', ha='right', **text)


class ClassificationPainter(Painter):
    """The most probable classes of mmpretrain's classifiers; the true class is always among them."""

    truth_key: ClassVar[str] = 'gt_label'
    prediction_key: ClassVar[str] = 'pred_score'
    truth_name: ClassVar[str] = 'label'

    def input(self, image: np.ndarray, sample: Any) -> ImagePicture:
        """The image, with its true class."""
        names = ', '.join(shorten(self.classes[label]) for label in _labels(sample, self.truth_key))
        return ImagePicture('input', image, note=f'truth: {names or "none"}' if self.has_truth(sample) else '')

    def truth(self, image: np.ndarray, sample: Any) -> list[Picture]:
        """Nothing of its own: the truth stands above the image and is marked among the classes."""
        return []

    def prediction(self, image: np.ndarray, prediction: Any, sample: Any, title: str) -> BarPicture:
        """The classes by probability, green where true, red where a model is wrong."""
        scores = prediction.pred_score.detach().float().cpu()
        truth, chosen = _labels(sample, self.truth_key), _labels(prediction, 'pred_label') or [int(scores.argmax())]
        best = scores.topk(min(self.top, len(scores))).indices.tolist()
        shown = best + [label for label in truth if label not in best]
        note = ''
        if self.has_truth(sample):
            note = 'correct ✓' if set(chosen) == set(truth) else 'wrong ✗'
        wrong = set(chosen) if self.has_truth(sample) else set()
        colors = [RIGHT if label in truth else WRONG if label in wrong else OTHER for label in shown]
        names = [self.classes[label] for label in shown]
        return BarPicture(title, names, scores[torch.tensor(shown)].tolist(), colors, note=note)


def _labels(sample: Any, key: str) -> list[int]:
    labels: Tensor | None = sample.get(key)
    return [] if labels is None else labels.flatten().tolist()
