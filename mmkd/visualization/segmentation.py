"""Label maps as colours."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mmkd.visualization.painter import Painter
from mmkd.visualization.picture import ImagePicture

VOID = 255
VOID_COLOR = (255, 255, 255)


class SegmentationPainter(Painter):
    """Label maps of mmseg in the colours of their classes; void is white."""

    truth_key: ClassVar[str] = 'gt_sem_seg'
    prediction_key: ClassVar[str] = 'pred_sem_seg'
    truth_name: ClassVar[str] = 'label map'

    def truth(self, image: np.ndarray, sample: Any) -> list[ImagePicture]:
        """The label map of the data set."""
        return [self._colored('truth', sample.gt_sem_seg)]

    def prediction(self, image: np.ndarray, prediction: Any, sample: Any, title: str) -> ImagePicture:
        """The label map of a model."""
        return self._colored(title, prediction.pred_sem_seg)

    def _colored(self, title: str, pixels: Any) -> ImagePicture:
        labels = pixels.data[0].cpu().numpy()
        values, numbers = np.unique(labels, return_counts=True)
        counts = dict(zip(values.tolist(), numbers.tolist(), strict=True))
        return ImagePicture(title, draw_segmentation(labels, self.palette), smooth=False, counts=counts)


def draw_segmentation(labels: np.ndarray, palette: Sequence[Sequence[int]], void: int = VOID) -> np.ndarray:
    """Colour a label map.

    Args:
        labels: Classes (H, W), integer.
        palette: Colours (K, 3) in RGB, 0 to 255, one per class.
        void: The label that belongs to no class; it becomes white.

    Returns:
        Image (H, W, 3) in RGB, uint8.

    Raises:
        ValueError: If a label is neither void nor below K.
    """
    labels = np.asarray(labels)
    unknown = np.setdiff1d(labels, [*range(len(palette)), void])
    if unknown.size:
        raise ValueError(
            f'The label map has the labels {unknown[:5].tolist()}, but the palette has {len(palette)} colours and void '
            f"is {void}: correct the labels or the dataset's palette."
        )
    colors = np.full((max(void, len(palette)) + 1, 3), VOID_COLOR, np.uint8)
    colors[: len(palette)] = palette
    colors[void] = VOID_COLOR
    return colors[labels]
