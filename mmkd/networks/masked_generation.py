"""Generate the maps of a teacher from masked maps of the student."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmkd.losses.maps import hide_positions
from mmkd.networks.connector import Connectors, Pairs, Valid, masks_of


class GenerationBlock(nn.Sequential):
    """3x3 convolution, ReLU, 3x3 convolution.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1),
        )


class MaskedGeneration(BaseModule):
    """Connected maps of the student, masked at random and completed again by a block per level.

    Masks are drawn anew at every step from the random numbers of torch on the device of the maps. In evaluation mode
    they are drawn as well: whoever asks wants to compare. Padding is 0 for the blocks, as what lies beyond a map.

    Args:
        connectors: Bring the student's maps to the teacher's channels and size.
        mask_ratio: Share of positions (or channels) that are set to 0, at least 0 and below 1.
        mask_channels: Whether whole channels are masked instead of positions.
    """

    def __init__(self, connectors: Connectors, mask_ratio: float, mask_channels: bool) -> None:
        super().__init__(init_cfg=None)
        self.connectors = connectors
        self.mask_ratio = mask_ratio
        self.mask_channels = mask_channels
        self.blocks = ModuleList(GenerationBlock(channels) for channels in connectors.out_channels)

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor], valid: Valid | None = None) -> Pairs:
        """Pairs of generated maps and the teacher's, (N, C_t, H, W) each; for arguments see :class:`Connectors`."""
        pairs = self.connectors(student, teacher, valid)
        levels = zip(self.blocks, pairs, masks_of(pairs, valid), strict=True)
        return [(block(self._masked(hide_positions(own, mask))), other) for block, (own, other), mask in levels]

    def _masked(self, maps: Tensor) -> Tensor:
        batch, channels, *size = maps.shape
        shape = (batch, channels, 1, 1) if self.mask_channels else (batch, 1, *size)
        return maps * (torch.rand(shape, device=maps.device) >= self.mask_ratio).to(maps.dtype)
