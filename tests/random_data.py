"""Data sets of random images for tests, one writer per task: six images for training, which are validated on too."""

import cv2
import numpy as np
from mmengine.fileio import dump
from mmengine.utils import mkdir_or_exist

CLASSES = ('a', 'b', 'c', 'd', 'e')
COUNT = 6
SIZES = ((64, 64), (48, 64))
"""Heights and widths that classified and detected images take by turns."""


def write_segmentation(root, sizes=((40, 40),)):
    """Images below ``root/images`` and label maps of 5x5 patches below ``root/labels``."""
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        patches = rng.integers(0, len(CLASSES), (5, 5)).astype(np.uint8)
        height, width = sizes[i % len(sizes)]
        labels = cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST)
        _write(root / 'labels' / f'{i}.png', labels)
        _write(root / 'images' / f'{i}.jpg', (labels * 50)[..., None] + rng.integers(0, 40, (height, width, 3)))


def write_classification(root, sizes=SIZES):
    """Images below ``root/images/<class>``."""
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        label = i % len(CLASSES)
        _write(root / 'images' / CLASSES[label] / f'{i}.jpg', _noise(rng, sizes[i % len(sizes)]) + 30 * label)


def write_detection(root, sizes=SIZES):
    """Images below ``root/images`` and ``root/boxes.json`` in the form of COCO, with no box in the first image."""
    rng = np.random.default_rng(0)
    images, boxes = [], []
    for i in range(COUNT):
        height, width = sizes[i % len(sizes)]
        pixels = _noise(rng, (height, width))
        images.append(dict(id=i, file_name=f'{i}.jpg', height=height, width=width))
        for label in range(min(i, 3)):
            left, top = (int(value) for value in rng.integers(0, 24, 2))
            side = int(rng.integers(16, 24))
            pixels[top : top + side, left : left + side] += 50 * (label + 1)
            box = dict(bbox=[left, top, side, side], area=side * side, iscrowd=0, category_id=label)
            boxes.append(dict(box, id=len(boxes) + 1, image_id=i))
        _write(root / 'images' / f'{i}.jpg', pixels)
    categories = [dict(id=label, name=CLASSES[label]) for label in range(3)]
    dump(dict(images=images, annotations=boxes, categories=categories), root / 'boxes.json')


WRITERS = dict(segmentation=write_segmentation, classification=write_classification, detection=write_detection)


def _noise(rng, size):
    return rng.integers(0, 60, (*size, 3))


def _write(path, pixels):
    mkdir_or_exist(path.parent)
    cv2.imwrite(str(path), pixels.astype(np.uint8))
