"""Levels of a pyramid made of one early stage."""
from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from torch import Tensor

from .convs import PointwiseBlock


class LevelsFromStage(BaseModule):
    """Brings the map of one stage to the channels and sizes of a pyramid's levels, for a head that reads such.

    Args:
        in_channels: Channels of the stage.
        out_channels: Channels of every level.

    Attributes:
        out_channels: Channels of every level.
    """

    def __init__(self, in_channels: int, out_channels: Sequence[int]) -> None:
        super().__init__(init_cfg=None)
        self.out_channels = list(out_channels)
        self.projections = ModuleList(PointwiseBlock(in_channels, channels) for channels in out_channels)

    def forward(self, feat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
        """Return one map per level.

        Args:
            feat: Map (N, in_channels, H, W) of the stage.
            like: Maps whose sizes the levels take, as many as there are ``out_channels``.
        """
        return [
            projection(F.adaptive_avg_pool2d(feat, level.shape[-2:]))
            for projection, level in zip(self.projections, like, strict=True)]
