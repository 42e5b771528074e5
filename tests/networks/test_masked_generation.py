"""The masks and blocks of MGD."""

import pytest
import torch
import torch.nn.functional as F

from mmkd.networks.connector import Connectors
from mmkd.networks.masked_generation import GenerationBlock, MaskedGeneration


def generation(student=(3, 8, 8), teacher=(5, 8, 8), mask_ratio=0.5, mask_channels=False):
    torch.manual_seed(0)
    return MaskedGeneration(Connectors([student], [teacher], True, 'Test'), mask_ratio, mask_channels)


def maps(channels, size=8):
    return torch.randn(2, channels, size, size)


def test_a_block_is_two_convolutions_with_a_relu():
    torch.manual_seed(0)
    block, feat = GenerationBlock(3), torch.randn(2, 3, 5, 5)
    first, _, second = block
    hidden = F.conv2d(feat, first.weight, first.bias, padding=1).clamp(min=0)
    torch.testing.assert_close(block(feat), F.conv2d(hidden, second.weight, second.bias, padding=1))
    assert first.weight.shape == second.weight.shape == (3, 3, 3, 3)


def test_without_masking_the_block_reads_the_connected_map():
    part, own, other = generation(mask_ratio=0), maps(3), maps(5)
    ((generated, target),) = part([own], [other])
    torch.testing.assert_close(generated, part.blocks[0](part.connectors([own], [other])[0][0]))
    assert target is other


@pytest.mark.parametrize('mask_channels, alike', [(False, (1,)), (True, (2, 3))])
@pytest.mark.parametrize('mask_ratio', [0.15, 0.65])
def test_the_share_of_the_mask_and_what_it_hides_as_a_whole(mask_channels, alike, mask_ratio):
    part = generation(mask_ratio=mask_ratio, mask_channels=mask_channels)
    kept = part._masked(torch.full((20, 40, 20, 20), 3.0))
    assert set(kept.unique().tolist()) == {0.0, 3.0}
    share = (kept == 0).float()
    assert share.mean().item() == pytest.approx(mask_ratio, abs=0.03)
    one = share.amax(dim=alike)
    assert torch.equal(one, share.amin(dim=alike))
    # drawn for every image anew
    assert not torch.equal(one[0], one[1])


def test_masks_follow_the_random_numbers_of_torch():
    part, own, other = generation(), [maps(3)], [maps(5)]
    torch.manual_seed(5)
    first, second = part(own, other)[0][0], part(own, other)[0][0]
    torch.manual_seed(5)
    again = part(own, other)[0][0]
    assert torch.equal(first, again) and not torch.equal(first, second)


def test_what_stands_in_the_padding_is_not_seen():
    def valid(levels):
        masks = [torch.ones(level.shape[0], *level.shape[2:]).bool() for level in levels]
        for mask in masks:
            mask[:, 5:] = False
        return masks

    part, own, other = generation(), maps(3), maps(5)
    values = []
    for content in (0.0, 1e4):
        own[:, :, 5:] = content
        torch.manual_seed(5)
        values.append(part([own], [other], valid)[0][0])
    assert torch.equal(*values)
    # the neighbours of the padding see zeros there, not the bias of the projection
    torch.manual_seed(5)
    cut = part.connectors([own[:, :, :5]], [other[:, :, :5]])[0][0]
    masked = part._masked(F.pad(cut, (0, 0, 0, 3)))
    torch.testing.assert_close(values[0], part.blocks[0](masked))


def test_a_level_has_a_block_of_its_own():
    connectors = Connectors([(3, 8, 8), (4, 4, 4)], [(3, 8, 8), (6, 4, 4)], True, 'Test')
    part = MaskedGeneration(connectors, 0.5, False)
    assert [block[0].in_channels for block in part.blocks] == [3, 6]
    sum(own.sum() for own, _ in part([maps(3), maps(4, 4)], [maps(3), maps(6, 4)])).backward()
    assert all(parameter.grad is not None for parameter in part.parameters())
