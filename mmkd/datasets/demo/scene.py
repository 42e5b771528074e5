"""One demo image: a crop of a photograph with handwritten digits, stray strokes and noise on it."""
import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np

from mmkd.datasets.demo.sources import Sources

VOID = 255
BORDER, INSIDE = 0.2, 0.5  # opacity from which a pixel is void, and from which it belongs to the digit
ATTEMPTS = 12


@dataclasses.dataclass(frozen=True)
class Instance:
    """One digit: its label 0..9, its index in ``load_digits()``, box (x, y, w, h) and area of its visible part."""

    label: int
    source: int
    box: tuple[int, int, int, int]
    area: int


@dataclasses.dataclass(frozen=True)
class Shape:
    """Opacity (h, w) of something drawn, in 0..1, and where it lies in the image."""

    alpha: np.ndarray
    place: tuple[slice, slice]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Box (x, y, w, h) of its inside, in the image."""
        x, y, width, height = cv2.boundingRect((self.alpha >= INSIDE).view(np.uint8))
        return x + self.place[1].start, y + self.place[0].start, width, height


@dataclasses.dataclass(frozen=True)
class Scene:
    """One image with its truth.

    Attributes:
        image: uint8 BGR, (size, size, 3).
        mask: uint8 (size, size): 0 background, label + 1 on a digit, 255 on its blurred border.
        instances: The visible digits; the last one lies on top and has the label that was asked for.
    """

    image: np.ndarray
    mask: np.ndarray
    instances: list[Instance]


def draw_scene(rng: np.random.Generator, sources: Sources, size: int, difficulty: float, top_label: int) -> Scene:
    """Draw one scene.

    Args:
        rng: Decides everything; equal generators give equal scenes.
        sources: Photographs and digits to draw from.
        size: Height and width in pixels.
        difficulty: 0 (bold digits far apart) to 1 (faint, crowded, among stray strokes and noise).
        top_label: Label of the digit that lies on top; the others are drawn at random.
    """
    image = _background(rng, sources.photographs, size)
    for _ in range(rng.integers(0, 1 + round(6 * difficulty))):
        _ink(rng, image, _stroke(rng, size), difficulty)
    mask, owner = np.zeros((size, size), np.uint8), np.zeros((size, size), np.uint8)
    drawn = []
    for label, source, shape in reversed(list(_digits(rng, sources, size, difficulty, top_label))):
        _ink(rng, image, shape, difficulty)
        drawn.append((label, source))
        for threshold, value, instance in ((BORDER, VOID, 0), (INSIDE, label + 1, len(drawn))):
            mask[shape.place][shape.alpha >= threshold] = value
            owner[shape.place][shape.alpha >= threshold] = instance
    image += rng.standard_normal(image.shape, np.float32) * (4 + 14 * difficulty)
    return Scene(np.clip(image, 0, 255).astype(np.uint8), mask, _instances(drawn, owner))


def _instances(drawn: list[tuple[int, int]], owner: np.ndarray) -> list[Instance]:
    """What is left visible of each digit; ``owner`` (size, size) holds its number from 1."""
    visible = [(pair, (owner == number).view(np.uint8)) for number, pair in enumerate(drawn, 1)]
    return [Instance(*pair, tuple(cv2.boundingRect(inside)), cv2.countNonZero(inside))
            for pair, inside in visible if inside.any()]


def _background(rng: np.random.Generator, photographs: list[np.ndarray], size: int) -> np.ndarray:
    photograph = photographs[rng.integers(len(photographs))]
    shorter = min(photograph.shape[:2])
    side = int(rng.integers(min(size, shorter // 2), min(3 * size, shorter) + 1))
    top, left = (int(rng.integers(length - side + 1)) for length in photograph.shape[:2])
    crop = cv2.resize(photograph[top:top + side, left:left + side], (size, size), interpolation=cv2.INTER_AREA)
    # Colour is drawn anew: half of the photographs are grey, and a network would tell the splits apart by hue.
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
    saturation, gain = rng.uniform(0.3, 1), rng.uniform(0.7, 1.2, 3).astype(np.float32)
    return (grey + saturation * (crop - grey)) * gain


def _digits(rng: np.random.Generator, sources: Sources, size: int, difficulty: float,
            top_label: int) -> Iterator[tuple[int, int, Shape]]:
    """Labels, source indices and shapes, the topmost first; where no place is left, a digit is omitted."""
    count = rng.integers(1, 4 + round(2 * difficulty))
    boxes: list[tuple[int, int, int, int]] = []
    for label in [top_label, *rng.integers(10, size=count - 1).tolist()]:
        pick = rng.integers(len(sources.digits[label]))
        alpha = _enlarge(rng, sources.digits[label][pick], size, difficulty)
        for _ in range(ATTEMPTS):
            shape = Shape(alpha, _somewhere(rng, len(alpha), size))
            if all(_covered(shape.box, other) <= 0.25 * difficulty for other in boxes):
                boxes.append(shape.box)
                yield label, int(sources.indices[label][pick]), shape
                break


def _enlarge(rng: np.random.Generator, digit: np.ndarray, size: int, difficulty: float) -> np.ndarray:
    """Enlarge, slant and turn a digit (8, 8); opacity (side, side)."""
    scale = size * rng.uniform(0.26, 0.5) / 8
    angle = np.deg2rad(rng.uniform(-1, 1) * (6 + 14 * difficulty))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = scale * turn @ np.array([[rng.uniform(0.85, 1.2), rng.uniform(-0.25, 0.25)], [0, 1]])
    side = min(int(np.ceil(10 * scale)), size)
    offset = side / 2 - 0.5 - matrix @ np.array([4.5, 4.5])  # 4.5: the middle of the digit with its margin
    padded = cv2.copyMakeBorder(digit, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    smooth = cv2.warpAffine(padded, np.column_stack([matrix, offset]), (side, side), flags=cv2.INTER_CUBIC)
    return np.clip((smooth - 0.2) / 0.5, 0, 1)


def _somewhere(rng: np.random.Generator, side: int, size: int) -> tuple[slice, slice]:
    top, left = rng.integers(size - side + 1, size=2).tolist()
    return slice(top, top + side), slice(left, left + side)


def _stroke(rng: np.random.Generator, size: int) -> Shape:
    """A short arc, as thick as a digit's stroke but no digit."""
    side, axes = size // 2, rng.integers(size // 16 + 1, size // 5, size=2)
    start, span = rng.integers(360), rng.integers(40, 110)
    canvas = np.zeros((side, side), np.float32)
    centre, thickness = (side // 2, side // 2), max(1, size // 24)
    cv2.ellipse(canvas, centre, axes.tolist(), 0, int(start), int(start + span), 1, thickness, cv2.LINE_AA)
    return Shape(cv2.GaussianBlur(canvas, (3, 3), 0), _somewhere(rng, side, size))


def _ink(rng: np.random.Generator, image: np.ndarray, shape: Shape, difficulty: float) -> None:
    """Blend a colour into the image that differs from what lies below; the harder, the less."""
    below = image[shape.place]
    alpha = shape.alpha[..., None]
    brightness = float((below * alpha).sum() / max(3 * alpha.sum(), 1e-6))
    light = brightness < 90 or (brightness < 150 and rng.random() < 0.5)
    colour = rng.uniform(190, 255, 3) if light else rng.uniform(0, 65, 3)
    contrast = rng.uniform(1 - 0.7 * difficulty, 1 - 0.2 * difficulty)
    below += alpha * contrast * (colour.astype(np.float32) - below)


def _covered(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Intersection over the smaller area of two boxes (x, y, w, h)."""
    width = min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0])
    height = min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1])
    return max(width, 0) * max(height, 0) / min(box[2] * box[3], other[2] * other[3])
