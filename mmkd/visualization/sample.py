"""One image with all that two networks make of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from mmkd.visualization.attention import attention_map, draw_attention_pair
from mmkd.visualization.segmentation import draw_segmentation, legend, present_classes
from mmkd.visualization.sheet import make_grid, show_image


@dataclass
class Sample:
    """An image, its truth and what models say about it.

    Args:
        name: Name of the image.
        image: Image (H, W, 3) in RGB, uint8.
        truth: Label map (H, W).
        predictions: Label maps (H, W) by the name of the model.
        student: Feature maps (1, C, H, W) of the student, one per stage.
        teacher: Feature maps of the self-teacher, as many; empty without a self-teacher.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray
    predictions: dict[str, np.ndarray]
    student: Sequence[Tensor] = field(default_factory=list)
    teacher: Sequence[Tensor] = field(default_factory=list)

    def pictures(self, palette: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
        """Input, truth and predictions as images, by title."""
        predictions = {f'prediction\n{name}': labels for name, labels in self.predictions.items()}
        colored = {
            title: draw_segmentation(labels, palette) for title, labels in {'truth': self.truth, **predictions}.items()
        }
        return {'input': self.image, **colored}


def draw_sample(sample: Sample, classes: Sequence[str], palette: Sequence[Sequence[int]]) -> Figure:
    """Draw a sample: input, truth and predictions above, the attention of each stage of both networks below.

    Args:
        sample: The sample.
        classes: Names of the classes.
        palette: Their colours in RGB, 0 to 255.

    Returns:
        The figure, with a legend of the classes that occur.
    """
    pictures = sample.pictures(palette)
    rows = 1 + bool(sample.student) + bool(sample.teacher)
    columns = max(len(pictures), len(sample.student))
    entries = legend(present_classes([sample.truth, *sample.predictions.values()]), classes, palette)
    figure, axes = make_grid(rows, columns, sample.image.shape[0] / sample.image.shape[1], entries, min(rows, 2))
    for axis, (title, image) in zip(axes[0], pictures.items(), strict=False):
        show_image(axis, image, title)
    teacher = [attention_map(level)[0] for level in sample.teacher] or [None] * len(sample.student)
    for stage, (level, refined) in enumerate(zip(sample.student, teacher, strict=True)):
        pair = (axes[1][stage], axes[2][stage] if sample.teacher else None)
        draw_attention_pair(attention_map(level)[0], refined, pair, f'stage {stage + 1}', sample.image.shape[:2])
    for row, name in enumerate(('student', 'self-teacher')[: rows - 1]):
        axes[row + 1][0].set_ylabel(f'attention\n{name}')
    return figure


def sheet_rows(samples: Sequence[Sample], palette: Sequence[Sequence[int]]) -> tuple[list[list[np.ndarray]], list[str]]:
    """Rows and titles of a contact sheet of samples."""
    pictures = [sample.pictures(palette) for sample in samples]
    return [list(row.values()) for row in pictures], list(pictures[0]) if pictures else []
