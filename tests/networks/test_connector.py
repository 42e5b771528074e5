"""Connectors: which maps are paired, and how they are made comparable."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from torch import nn

from mmkd.networks.connector import Connectors, equal_size, masks_of


def columns(number):
    """What calls the first columns of any map image: as many as there are for ``number`` of 8."""

    def valid(maps):
        masks = [torch.zeros(level.shape[0], *level.shape[2:]).bool() for level in maps]
        for mask in masks:
            mask[..., : -(-number * mask.shape[-1] // 8)] = True
        return masks

    return valid


def test_maps_of_one_form_are_passed_on_as_they_are():
    connectors = Connectors([(3, 8, 8), (5, 4, 4)], [(3, 8, 8), (5, 4, 4)], True, 'Test')
    own, other = ([torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)] for _ in range(2))
    pairs = connectors(own, other)
    assert all(pair[0] is one and pair[1] is two for pair, one, two in zip(pairs, own, other, strict=True))
    assert not list(connectors.parameters())


def test_channels_are_projected_where_they_differ():
    connectors = Connectors([(3, 4, 4), (5, 2, 2)], [(3, 4, 4), (7, 2, 2)], True, 'Test')
    assert connectors.out_channels == [3, 7]
    own = [torch.randn(2, 3, 4, 4), torch.randn(2, 5, 2, 2)]
    pairs = connectors(own, [torch.randn(2, 3, 4, 4), torch.randn(2, 7, 2, 2)])
    weight, bias = connectors.projections[1].parameters()
    torch.testing.assert_close(pairs[1][0], F.conv2d(own[1], weight, bias))
    assert isinstance(connectors.projections[0], nn.Identity)
    assert weight.shape == (7, 5, 1, 1)


def test_without_projection_channels_stay():
    connectors = Connectors([(3, 4, 4)], [(7, 4, 4)], False, 'Test')
    own, other = torch.randn(2, 3, 4, 4), torch.randn(2, 7, 4, 4)
    assert connectors([own], [other])[0] == (own, other)
    assert (connectors.in_channels, connectors.out_channels) == ([3], [7])


def test_the_deepest_levels_are_paired():
    connectors = Connectors([(3, 8, 8), (5, 4, 4)], [(5, 4, 4)], True, 'Test')
    own, other = [torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)], [torch.randn(2, 5, 4, 4)]
    ((one, two),) = connectors(own, other)
    assert one is own[1] and two is other[0]


@pytest.mark.parametrize('own, other', [((8, 6), (4, 3)), ((4, 3), (8, 6)), ((8, 3), (4, 6))])
def test_the_larger_map_is_averaged_down(own, other):
    maps = torch.randn(2, 3, *own), torch.randn(2, 3, *other)
    averaged = equal_size(*maps)
    for before, after in zip(maps, averaged, strict=True):
        torch.testing.assert_close(after, F.adaptive_avg_pool2d(before, (4, 3)))


def test_padding_is_left_out_of_the_average():
    fine, coarse = torch.arange(8.0).view(1, 1, 1, 8), torch.zeros(1, 1, 1, 4)
    hidden = fine.masked_fill(torch.arange(8) >= 5, float('nan')).requires_grad_()
    average, _ = equal_size(hidden, coarse, columns(5))
    # 4 stands alone in its cell, and the last cell is no image
    assert average.flatten().tolist() == [0.5, 2.5, 4.0, 0.0]
    average.sum().backward()
    assert hidden.grad.flatten().tolist() == [0.5, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0]


def test_the_teachers_padding_is_left_out_too():
    fine, coarse = torch.ones(1, 1, 8, 8), torch.zeros(1, 1, 4, 4)
    fine[..., 5:] = 1e6
    _, average = equal_size(coarse, fine, columns(5))
    torch.testing.assert_close(average[..., :3], torch.ones(1, 1, 4, 3))


def test_a_batch_without_padding_is_averaged_as_usual():
    fine, coarse = torch.randn(2, 3, 8, 8), torch.zeros(2, 3, 4, 4)
    torch.testing.assert_close(equal_size(fine, coarse, lambda maps: None), equal_size(fine, coarse))
    torch.testing.assert_close(equal_size(fine, coarse, columns(8)), equal_size(fine, coarse))


def test_masks_of_pairs():
    pairs = [(torch.zeros(1, 1, 2, 8), torch.zeros(1, 1, 2, 8))]
    assert masks_of(pairs, None) == masks_of(pairs, lambda maps: None) == [None]
    assert masks_of(pairs, columns(4))[0].sum() == 8


def test_the_log_says_what_is_done(caplog):
    logger = MMLogger.get_instance('connectors')
    logger.addHandler(caplog.handler)
    Connectors([(3, 8, 8), (5, 4, 4)], [(3, 4, 4), (7, 4, 4)], True, 'Test')
    first, second = (record.getMessage() for record in caplog.records)
    assert 'level 0' in first and 'an average' in first and 'convolution' not in first
    assert 'level 1' in second and 'a 1x1 convolution from 5 to 7 channels' in second and 'average' not in second
