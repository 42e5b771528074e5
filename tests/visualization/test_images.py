import numpy as np
import torch
from mmengine.structures import BaseDataElement

from mmkd.visualization.images import input_image, name_of

FILE = BaseDataElement(metainfo=dict(img_path='some/where/a.b.jpg'))
MEMORY = BaseDataElement(metainfo=dict(sample_idx=3))


def test_files_are_in_bgr_and_memory_in_rgb():
    pixels = torch.tensor([[[1, 2]], [[3, 4]], [[5, 6]]], dtype=torch.uint8)
    assert input_image(pixels, FILE).tolist() == [[[5, 3, 1], [6, 4, 2]]]
    assert input_image(pixels, MEMORY).tolist() == [[[1, 3, 5], [2, 4, 6]]]


def test_grey_images_and_further_channels():
    assert input_image(torch.full((1, 2, 2), 7, dtype=torch.uint8), FILE).tolist() == [[[7] * 3] * 2] * 2
    assert input_image(torch.zeros(5, 2, 4, dtype=torch.uint8), FILE).shape == (2, 4, 3)


def test_normalised_values_are_stretched_and_others_kept():
    image = input_image(torch.tensor([-1.0, 0.0, 3.0]).expand(3, 1, 3), MEMORY)
    assert image.dtype == np.uint8 and image[0, :, 0].tolist() == [0, 64, 255]
    assert input_image(torch.tensor([2.0, 200.0]).expand(3, 1, 2), MEMORY)[0, :, 0].tolist() == [2, 200]


def test_names():
    assert name_of(FILE, 5) == 'a.b' and name_of(MEMORY, 5) == '00005'
