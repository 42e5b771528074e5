"""Which children of a backbone's stage are its first blocks."""

from torch import nn


def block_ends(stage: nn.Sequential) -> list[int]:
    """How many children the first block of a stage is, the first two blocks, and so on.

    In a residual network every child is a block. In a chain of convolutions a block is one of these with the norm and
    the activation that follow; pooling before the first belongs to it.
    """
    convolutions = [index for index, child in enumerate(stage) if isinstance(child, nn.Conv2d)]
    if not convolutions:
        return list(range(1, len(stage) + 1))
    return [*convolutions[1:], len(stage)]


def blocks_per_stage(backbone: nn.Module) -> tuple[int, ...]:
    """Number of blocks in every stage of a backbone whose ``res_layers`` names them."""
    return tuple(len(block_ends(getattr(backbone, name))) for name in backbone.res_layers)


def check_blocks(owner: str, blocks: tuple[int, ...], full: tuple[int, ...]) -> None:
    """Raise a ``ValueError`` unless blocks per stage are a prefix of those of a network."""
    legal = len(blocks) == len(full) and all(0 < own <= most for own, most in zip(blocks, full, strict=True))
    if not legal:
        raise ValueError(
            f'{owner} has {blocks} blocks per stage, but a net inside of one with {full} has as many stages, each with '
            'at least one block and no more than there: change the numbers.'
        )
