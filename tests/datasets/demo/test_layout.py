import collections
import json

import cv2
import numpy as np
import pytest

from mmkd.datasets.demo.layout import crop_around
from mmkd.datasets.demo.sources import CLASSES, SPLITS


@pytest.mark.parametrize('split', SPLITS)
def test_the_three_layouts_describe_the_same_images(demo, split):
    names = sorted(path.stem for path in (demo / 'images' / split).glob('*.jpg'))
    assert len(names) == {'train': 40, 'val': 20, 'test': 20}[split]
    assert names == sorted(path.stem for path in (demo / 'masks' / split).glob('*.png'))
    assert names == sorted(path.stem for path in (demo / 'classification' / split).glob('*/*.jpg'))
    coco = json.loads((demo / 'annotations' / f'{split}.json').read_text())
    assert names == sorted(image['file_name'].removesuffix('.jpg') for image in coco['images'])


@pytest.mark.parametrize('split', SPLITS)
def test_boxes_enclose_the_pixels_of_their_class(demo, split):
    coco = json.loads((demo / 'annotations' / f'{split}.json').read_text())
    masks = {image['id']: cv2.imread(str(demo / 'masks' / split / image['file_name'].replace('jpg', 'png')), -1)
             for image in coco['images']}
    for annotation in coco['annotations']:
        x, y, width, height = annotation['bbox']
        inside = masks[annotation['image_id']][y:y + height, x:x + width] == annotation['category_id']
        assert annotation['area'] <= inside.sum() <= width * height
    areas = collections.Counter()
    for annotation in coco['annotations']:
        areas[annotation['image_id']] += annotation['area']
    for number, mask in masks.items():
        assert set(np.unique(mask)) <= {*range(11), 255}
        assert areas[number] == ((mask > 0) & (mask < 255)).sum()
    assert [category['name'] for category in coco['categories']] == list(CLASSES)


def test_digits_of_the_splits_are_disjoint_in_the_files(demo):
    used = [{a['digit'] for a in json.loads((demo / 'annotations' / f'{split}.json').read_text())['annotations']}
            for split in SPLITS]
    assert all(used) and not used[0] & used[1] and not used[0] & used[2] and not used[1] & used[2]


def test_class_folders_are_balanced_and_crops_half_as_large(demo):
    for name in CLASSES:
        paths = list((demo / 'classification' / 'train' / name).glob('*.jpg'))
        assert len(paths) == 4
        assert cv2.imread(str(paths[0])).shape == (32, 32, 3)


def test_crop_shows_the_box_in_its_middle():
    image = np.zeros((64, 64, 3), np.uint8)
    image[10:30, 40:50] = 255  # box (40, 10, 10, 20): side 30 around (45, 20) at 32 pixels
    crop = crop_around(image, (40, 10, 10, 20))
    rows, columns = np.flatnonzero(crop[..., 0].any(1)), np.flatnonzero(crop[..., 0].any(0))
    assert crop.shape == (32, 32, 3)
    assert np.allclose([rows[0], rows[-1] + 1], [16 - 32 / 3, 16 + 32 / 3], atol=1.5)
    assert np.allclose([columns[0], columns[-1] + 1], [16 - 16 / 3, 16 + 16 / 3], atol=1.5)
