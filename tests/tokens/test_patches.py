import pytest
import torch
import torch.nn.functional as F

from mmkd.tokens import token_channels, token_map, valid_patches
from mmkd.tokens.patches import token_rows
from tests.reference import load


@pytest.mark.parametrize('form', ['flatten', 'pool'])
def test_the_recorded_patches(form):
    recorded = load('trg')['method']['patches']
    maps = torch.tensor(recorded['inputs']['feat'])
    tokens = token_rows(token_map(maps, recorded['patch'], form))
    torch.testing.assert_close(tokens, torch.tensor(recorded[form]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('size, patch', [((6, 4), 2), ((7, 5), 2), ((9, 9), 3), ((4, 4), 1)])
def test_flattened_patches_have_the_order_of_unfold_and_pooled_ones_are_their_means(size, patch):
    maps = torch.randn(2, 3, *size, dtype=torch.float64)
    flat = token_map(maps, patch, 'flatten')
    assert flat.shape == (2, token_channels(3, patch, 'flatten'), size[0] // patch, size[1] // patch)
    torch.testing.assert_close(token_rows(flat), F.unfold(maps, patch, stride=patch).mT, rtol=0, atol=0)
    pooled = token_map(maps, patch)
    assert pooled.shape[1] == token_channels(3, patch, 'pool') == 3
    torch.testing.assert_close(token_rows(pooled), token_rows(flat).unflatten(2, (3, patch**2)).mean(dim=3))


@pytest.mark.parametrize('form', ['flatten', 'pool'])
def test_a_map_smaller_than_a_patch_has_no_token(form):
    assert token_map(torch.randn(2, 3, 1, 5), 2, form).shape == (2, token_channels(3, 2, form), 0, 2)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_the_mean_of_half_precision_numbers_does_not_overflow(dtype):
    maps = torch.full((1, 1, 4, 4), 6e4).to(dtype)
    assert torch.equal(token_map(maps, 4), maps[..., :1, :1])


def test_a_patch_is_valid_if_any_of_its_positions_is():
    valid = torch.zeros(1, 4, 5, dtype=torch.bool)
    valid[0, 1, 3] = valid[0, 3, 4] = True  # the last column belongs to no whole patch
    assert valid_patches(valid, 2).tolist() == [[[False, True], [False, False]]]
    assert torch.equal(valid_patches(valid), valid)
