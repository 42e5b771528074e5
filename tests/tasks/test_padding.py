import math

import pytest
import torch

from mmkd.tasks.padding import valid_positions


def masks(image_sizes, batch_size, map_sizes):
    levels = [torch.zeros(len(image_sizes), 1, *size) for size in map_sizes]
    return valid_positions(image_sizes, batch_size, levels)


def test_without_padding_there_is_no_mask():
    assert masks([(64, 96), (64, 96)], (64, 96), [(8, 12), (2, 3)]) is None


def test_by_hand():
    full, part = masks([(4, 6), (3, 2)], (4, 6), [(4, 6)])[0]
    assert full.all() and full.dtype == torch.bool
    assert part.int().tolist() == [[1, 1, 0, 0, 0, 0]] * 3 + [[0] * 6]
    (halved,) = masks([(4, 6), (3, 2)], (4, 6), [(2, 3)])
    assert halved[1].int().tolist() == [[1, 0, 0], [1, 0, 0]]


def test_a_position_counts_where_it_sees_any_pixel_of_the_image():
    (mask,) = masks([(64, 64), (9, 17)], (64, 64), [(8, 8)])
    assert mask[1].sum(0).tolist() == [2, 2, 2, 0, 0, 0, 0, 0]


@pytest.mark.parametrize('stride', [1, 4, 8, 32, 128])
def test_the_mask_of_an_image_does_not_depend_on_how_much_it_is_padded(stride):
    image, largest = (72, 150), 320
    expected = [math.ceil(side / stride) for side in image]
    for height in range(image[0], largest, 7):
        for width in (image[1] + 1, 192, 300, largest):
            size = math.ceil(height / stride), math.ceil(width / stride)
            (mask,) = masks([image], (height, width), [size])
            assert mask[0, : expected[0], : expected[1]].all()
            assert mask.sum() == math.prod(expected)


def test_a_stride_that_is_no_power_of_two():
    (mask,) = masks([(300, 14)], (518, 518), [(37, 37)])
    assert mask[0, :22, :1].all() and mask.sum() == 22


def test_a_map_that_is_finer_than_the_image():
    (mask,) = masks([(3, 8)], (8, 8), [(16, 16)])
    assert mask[0, :6].all() and mask.sum() == 6 * 16
