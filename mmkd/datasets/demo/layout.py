"""Standard layouts of the demo data: images and masks, COCO boxes, class folders."""
import json
import pathlib

import cv2
import numpy as np

from mmkd.datasets.demo.scene import Scene
from mmkd.datasets.demo.sources import CLASSES

CONTEXT = 1.5  # side of a classification crop over the longer side of the box


class SplitWriter:
    """Write the scenes of one split below a folder in all three layouts.

    ``images/<split>/NNNNN.jpg``, ``masks/<split>/NNNNN.png``, ``annotations/<split>.json`` (COCO) and
    ``classification/<split>/<class>/NNNNN.jpg``, a crop of half the image size around the topmost digit.

    Args:
        root: Folder to write into.
        split: Name of the split.
        size: Height and width of the images.
    """

    def __init__(self, root: pathlib.Path, split: str, size: int) -> None:
        self.root, self.split, self.size = root, split, size
        self.images: list[dict] = []
        self.annotations: list[dict] = []
        for folder in (root / 'images' / split, root / 'masks' / split, root / 'annotations'):
            folder.mkdir(parents=True, exist_ok=True)
        for name in CLASSES:
            (root / 'classification' / split / name).mkdir(parents=True)

    def add(self, scene: Scene) -> None:
        """Write image, mask and crop of one scene and remember its boxes."""
        number = len(self.images)
        top = scene.instances[-1]
        image = dict(id=number, file_name=f'{number:05d}.jpg', width=self.size, height=self.size)
        self._write(f'images/{self.split}/{number:05d}.jpg', scene.image)
        self._write(f'masks/{self.split}/{number:05d}.png', scene.mask)
        folder = f'classification/{self.split}/{CLASSES[top.label]}'
        self._write(f'{folder}/{number:05d}.jpg', crop_around(scene.image, top.box))
        self.images.append(image)
        for instance in scene.instances:
            self.annotations.append(dict(
                id=len(self.annotations) + 1, image_id=number, category_id=instance.label + 1, bbox=list(instance.box),
                area=instance.area, iscrowd=0, digit=instance.source))

    def close(self) -> None:
        """Write the COCO file."""
        categories = [dict(id=label + 1, name=name) for label, name in enumerate(CLASSES)]
        coco = dict(images=self.images, annotations=self.annotations, categories=categories)
        (self.root / 'annotations' / f'{self.split}.json').write_text(json.dumps(coco))

    def _write(self, name: str, image: np.ndarray) -> None:
        if not cv2.imwrite(str(self.root / name), image, [cv2.IMWRITE_JPEG_QUALITY, 95]):
            raise OSError(f'{self.root / name} cannot be written: check the free space and the permissions there.')


def crop_around(image: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """Square crop around a box (x, y, w, h) with context, mirrored at the image border, at half the image size."""
    x, y, width, height = box
    side = CONTEXT * max(width, height)
    scale = image.shape[0] // 2 / side
    corner = np.array([x + width / 2, y + height / 2]) - side / 2
    matrix = np.column_stack([np.eye(2) * scale, -corner * scale])
    shape = (image.shape[1] // 2, image.shape[0] // 2)
    return cv2.warpAffine(image, matrix, shape, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
