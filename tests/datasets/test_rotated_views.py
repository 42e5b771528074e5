import numpy as np
import pytest
import torch
from mmpretrain.structures import DataSample

from mmkd.datasets.rotated_views import RotatedViews
from mmkd.registry import MODELS

IMAGE = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)


def views(image=IMAGE, **arguments):
    return RotatedViews(**arguments)(dict(img=image, img_shape=image.shape[:2], gt_label=2))


@pytest.mark.parametrize('flip', [0.0, 1.0])
def test_four_turns_of_an_image_that_was_flipped_before(flip):
    made = views(flip_prob=flip)
    upright = IMAGE[:, ::-1] if flip else IMAGE
    assert made['img'].shape == (4, 3, 4, 4) and made['gt_label'] == 2 and made['img_shape'] == (4, 4)
    for turns in range(4):
        np.testing.assert_array_equal(made['img'][turns].transpose(1, 2, 0), np.rot90(upright, turns))


def test_every_view_is_cropped_on_its_own():
    np.random.seed(0)
    large = np.random.randint(0, 255, (16, 16, 3)).astype(np.uint8)
    made = views(large, transforms=[dict(type='mmpretrain.RandomCrop', crop_size=8)], flip_prob=0.0)['img']
    turned_back = [np.rot90(view.transpose(1, 2, 0), -turns) for turns, view in enumerate(made)]
    assert made.shape == (4, 3, 8, 8)
    assert any(not np.array_equal(turned_back[0], other) for other in turned_back[1:])


def test_views_of_different_sizes_are_explained():
    with pytest.raises(ValueError, match=r'have the sizes \[\(2, 4\), \(4, 2\)\], but they must have one'):
        views(np.zeros((2, 4, 3), np.uint8))
    with pytest.raises(ValueError, match='flip_prob=2, but it must be within 0 and 1'):
        RotatedViews(flip_prob=2)


def preprocess(data):
    config = dict(type='mmkd.MultiViewDataPreprocessor', num_classes=5, mean=[10.0] * 3, std=[2.0] * 3)
    return MODELS.build(config)(data, training=True)


@pytest.mark.parametrize('stacked', [True, False])
def test_the_preprocessor_makes_rows_image_major(stacked):
    images = torch.arange(2 * 4 * 3 * 2 * 2, dtype=torch.uint8).view(2, 4, 3, 2, 2)
    samples = [DataSample().set_gt_label(label) for label in (3, 1)]
    made = preprocess(dict(inputs=images if stacked else list(images), data_samples=samples))
    torch.testing.assert_close(made['inputs'], (images.flatten(0, 1).float() - 10) / 2)
    assert [sample.gt_label.item() for sample in made['data_samples']] == [3] * 4 + [1] * 4


def test_an_ordinary_batch_passes_as_usual():
    images = torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    made = preprocess(dict(inputs=list(images), data_samples=[DataSample().set_gt_label(0) for _ in range(2)]))
    assert made['inputs'].shape == (2, 3, 2, 2) and len(made['data_samples']) == 2
