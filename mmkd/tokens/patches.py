"""Cut feature maps into patches, each of which is a token."""

from torch import Tensor

FORMS = ('pool', 'flatten')


def token_map(maps: Tensor, patch: int = 1, form: str = 'pool') -> Tensor:
    """Make a token of every patch of patch x patch positions; what is left of a row or column is dropped.

    Args:
        maps: Feature maps (N, C, H, W).
        patch: Side of a patch.
        form: ``'pool'``: the mean over the patch, D = C. ``'flatten'``: all of it in the order channel, row, column, as
            ``torch.nn.functional.unfold`` has it, D = C patch^2.

    Returns:
        Tokens laid out as a map (N, D, H // patch, W // patch), without a row or column if the map is smaller.
    """
    if patch == 1:
        return maps
    rows, columns = (side // patch for side in maps.shape[-2:])
    whole = maps[..., : rows * patch, : columns * patch]
    patches = whole.unflatten(3, (columns, patch)).unflatten(2, (rows, patch))
    if form == 'flatten':
        return patches.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)
    return patches.mean(dim=(3, 5))


def token_rows(tokens: Tensor) -> Tensor:
    """Tokens (N, D, rows, columns) as (N, P, D), row by row."""
    return tokens.flatten(2).mT


def token_channels(channels: int, patch: int, form: str) -> int:
    """Length D of the tokens of maps with so many channels."""
    return channels * patch**2 if form == 'flatten' else channels


def valid_patches(valid: Tensor, patch: int = 1) -> Tensor:
    """Which patches have any valid position.

    Args:
        valid: Bool (N, H, W).
        patch: Side of a patch.

    Returns:
        Bool (N, H // patch, W // patch).
    """
    return token_map(valid.unsqueeze(1).float(), patch)[:, 0] > 0
