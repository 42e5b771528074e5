"""Pictures: what one pair of axes shows, with a title."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np
from matplotlib.axes import Axes

LARGEST = 480


@dataclass
class Picture(ABC):
    """Something that can be drawn.

    Args:
        title: What kind of picture it is, the same for every image.
        note: What is said of this image alone.
        counts: How often each class occurs in it; a legend is made of them.
    """

    title: str
    note: str = field(default='', kw_only=True)
    counts: dict[int, int] = field(default_factory=dict, kw_only=True)

    @property
    def aspect(self) -> float | None:
        """Height over width; None if the picture fills any space."""
        return None

    @property
    def least_size(self) -> tuple[float, float]:
        """Width and height in inches that it needs to be legible."""
        return 0.0, 0.0

    @abstractmethod
    def draw(self, axis: Axes) -> None:
        """Draw it into axes."""

    def reduced(self) -> 'Picture':
        """The same, small enough to be kept until an overview is drawn."""
        return self


@dataclass
class ImagePicture(Picture):
    """An image.

    Args:
        image: Image (H, W, 3) in RGB, uint8.
        smooth: Whether shrinking may mix the colours of neighbours, as is right for photographs only.
        size: Height and width in the coordinates of what is drawn on it, by default in pixels of the image.
    """

    image: np.ndarray
    smooth: bool = field(default=True, kw_only=True)
    size: tuple[int, int] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        self.size = self.size or self.image.shape[:2]

    @property
    def aspect(self) -> float:
        """Height over width."""
        return self.size[0] / self.size[1]

    def draw(self, axis: Axes) -> None:
        """Draw the image with a thin frame."""
        height, width = self.size
        axis.imshow(
            self.image, interpolation='auto' if self.smooth else 'nearest', extent=(0, width, height, 0)
        )
        axis.spines[:].set(visible=True, color='0.7', linewidth=0.6)

    def reduced(self) -> 'ImagePicture':
        """The same with fewer pixels."""
        step = -(-max(self.image.shape[:2]) // LARGEST)
        return replace(self, image=self.image[::step, ::step].copy())
