import pytest
import torch

from mmkd.visualization.place import cell_size, visible


@pytest.mark.parametrize(
    'shape, batch, cell',
    [
        ((8, 10), (64, 80), (8, 8)),
        # stride 32 of 100 pixels: the fourth cell covers pixels 96 to 128, not 75 to 100
        ((4, 4), (100, 128), (32, 32)),
        ((13, 25), (100, 100), (8, 4)),
        # patches of 14 pixels
        ((37, 16), (518, 224), (14, 14)),
    ],
)
def test_a_cell_is_as_large_as_the_stride(shape, batch, cell):
    assert cell_size(shape, batch) == cell


def test_the_stage_of_a_network_has_this_stride():
    # the last cell of a convolution of stride 2 over five pixels looks at the fifth
    image = torch.zeros(1, 1, 1, 5)
    image[..., 4] = 1
    seen = torch.nn.functional.conv2d(image, torch.ones(1, 1, 1, 3), stride=2, padding=(0, 1))
    assert seen[0, 0, 0].tolist() == [0, 0, 1] and cell_size((1, 3), (2, 5)) == (2, 2)


def test_padding_is_left_out_and_what_touches_the_image_is_kept():
    level = torch.arange(20.0).view(1, 4, 5)
    assert visible(level, (17, 16), (8.0, 8.0)).tolist() == [[[0, 1], [5, 6], [10, 11]]]
    assert visible(level, (32, 40), (8.0, 8.0)).shape == (1, 4, 5)
