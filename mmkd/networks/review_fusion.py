"""Review: every level of the student is fused with the deeper ones."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmkd.losses.maps import hide_positions
from mmkd.networks.connector import Connectors, Pairs, Valid, masks_of
from mmkd.networks.convs import BatchNorm

MOST_CHANNELS = 512


class AttentionBasedFusion(nn.Module):
    r"""Mixes a level with what the deeper levels were fused to, in shares that differ from position to position.

    .. math::
        m = a_1 \, c_1(x) + a_2 \, up(m'), \quad (a_1, a_2) = \mathrm{sigmoid}(c_a([c_1(x), up(m')])), \quad
        y = c_2(m)

    with the level :math:`x`, the fused map :math:`m'` of the next deeper level, resized to its nearest values, and
    convolutions :math:`c_1` (1x1) and :math:`c_2` (3x3), both with batch norm, and :math:`c_a` (1x1). Without a deeper
    level :math:`m = c_1(x)`.

    Args:
        in_channels: Channels of the level.
        mid_channels: Channels of fused maps.
        out_channels: Channels of the output.
        fuses: Whether there is a deeper level.
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, fuses: bool) -> None:
        super().__init__()
        self.reduce = _normalized(nn.Conv2d(in_channels, mid_channels, 1, bias=False))
        self.attention = nn.Conv2d(2 * mid_channels, 2, 1) if fuses else None
        self.expand = _normalized(nn.Conv2d(mid_channels, out_channels, 3, padding=1, bias=False))

    def forward(self, level: Tensor, deeper: Tensor | None, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The output (N, out_channels, H, W) and the fused map (N, mid_channels, H, W).

        Args:
            level: Map (N, in_channels, H, W).
            deeper: Fused map (N, mid_channels, H', W') of the next deeper level.
            mask: Bool (N, H, W), False in the padding, which is 0 for convolutions over neighbours.
        """
        fused = self.reduce(hide_positions(level, mask))
        if self.attention is not None:
            deeper = F.interpolate(deeper, size=fused.shape[-2:], mode='nearest')
            shares = self.attention(torch.cat([fused, deeper], dim=1)).sigmoid()
            fused = shares[:, :1] * fused + shares[:, 1:] * deeper
        fused = hide_positions(fused, mask)
        return self.expand(fused), fused


class ReviewFusion(BaseModule):
    """Outputs of the student for every level of the teacher, fused from the deepest level to the shallowest.

    Args:
        connectors: Bring the student's maps to the size of the teacher's, without projection.
    """

    def __init__(self, connectors: Connectors) -> None:
        super().__init__(init_cfg=None)
        self.connectors = connectors
        channels = list(zip(connectors.in_channels, connectors.out_channels, strict=True))
        middle = min(MOST_CHANNELS, connectors.in_channels[-1])
        self.fusions = ModuleList(
            AttentionBasedFusion(own, middle, other, fuses=level < len(channels) - 1)
            for level, (own, other) in enumerate(channels)
        )

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor], valid: Valid | None = None) -> Pairs:
        """Pairs of fused maps and the teacher's, (N, C_t, H, W) each; for arguments see :class:`Connectors`."""
        pairs = self.connectors(student, teacher, valid)
        deeper, fused = None, []
        for fusion, (own, other), mask in reversed(list(zip(self.fusions, pairs, masks_of(pairs, valid), strict=True))):
            output, deeper = fusion(own, deeper, mask)
            fused.append((output, other))
        return fused[::-1]


def _normalized(convolution: nn.Conv2d) -> nn.Sequential:
    nn.init.kaiming_uniform_(convolution.weight, a=1)
    return nn.Sequential(convolution, BatchNorm(convolution.out_channels))
