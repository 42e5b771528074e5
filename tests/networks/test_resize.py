"""Resizing to the size of another level."""
import pytest
import torch
import torch.nn.functional as F

from mmkd.networks.resize import bilinear_to, max_pool_to, nearest_to


@pytest.mark.parametrize('side, expected', [(4, [[10, 11], [14, 15]]), (3, [[4, 5], [7, 8]])])
def test_recorded_pooling(side, expected):
    image = torch.arange(side * side, dtype=torch.float32).view(1, 1, side, side)
    assert max_pool_to(image, (2, 2))[0, 0].tolist() == expected
    rows = max_pool_to(image[:, :, :, :2] - 100, (2, 1))
    assert rows.max() < 0  # the padding never wins


@pytest.mark.parametrize('size', [(1, 1), (2, 2), (5, 8), (7, 6), (9, 1), (16, 15)])
def test_pooling_equals_zero_padding_on_rectified_maps(size):
    feat = torch.rand(2, 3, *size)
    target = tuple((side + 1) // 2 for side in size)
    pads = [max((goal - 1) * 2 + 3 - side, 0) for goal, side in zip(target, size, strict=True)]
    padded = F.pad(feat, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
    expected = feat if size == (1, 1) else F.max_pool2d(padded, 3, 2)
    torch.testing.assert_close(max_pool_to(feat, target), expected)


def test_other_sizes_pool_adaptively():
    row = torch.arange(6, dtype=torch.float32).view(1, 1, 1, 6)
    assert max_pool_to(row, (1, 2)).flatten().tolist() == [2, 5]
    assert max_pool_to(row, (1, 4)).flatten().tolist() == [1, 2, 4, 5]


@pytest.mark.parametrize('resize', [nearest_to, bilinear_to, max_pool_to])
def test_equal_size_is_the_map_itself(resize):
    feat = torch.rand(1, 2, 3, 4)
    assert resize(feat, (3, 4)) is feat


def test_nearest_and_bilinear_by_hand():
    row = torch.tensor([[[[0.0, 4.0]]]])
    assert nearest_to(row, (1, 3)).flatten().tolist() == [0, 0, 4]
    assert bilinear_to(row, (1, 4)).flatten().tolist() == [0, 1, 3, 4]
