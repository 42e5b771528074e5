"""The BiFPN layers of FRSKD's segmentation network."""
from collections.abc import Sequence

from torch import Tensor, nn

from .resize import bilinear_to, nearest_to


class SegmentationBiFPNLayers(nn.Sequential):
    """Stacked :class:`SegmentationBiFPNLayer`.

    Args:
        channels: Channels of every level.
        num_levels: Number of levels.
        num_layers: Number of layers.
        last_without_bottom_up: Whether the last layer ends after its top-down pass, as in the paper's self-teacher.
    """

    def __init__(self, channels: int, num_levels: int, num_layers: int, last_without_bottom_up: bool = False) -> None:
        last = num_layers - 1 if last_without_bottom_up else num_layers
        super().__init__(*[SegmentationBiFPNLayer(channels, num_levels, index != last) for index in range(num_layers)])


class SegmentationBiFPNLayer(nn.Module):
    """One BiFPN layer with plain sums, where every convolution is a scale and shift per channel.

    Top-down, coarse to fine, and then bottom-up, with x the inputs and c a :class:`ChannelScale` of its own each::

        t_n = c(x_n),  t_i = c(x_i + bilinear(t_{i+1}))
        y_1 = t_1,     y_i = c(x_i + t_i + nearest(y_{i-1}))

    Args:
        channels: Channels of every level.
        num_levels: Number of levels.
        bottom_up: Whether the bottom-up pass exists. Without it the top-down maps are the output.
    """

    def __init__(self, channels: int, num_levels: int, bottom_up: bool = True) -> None:
        super().__init__()
        self.top_down = nn.ModuleList([ChannelScale(channels) for _ in range(num_levels)])
        self.bottom_up = nn.ModuleList([ChannelScale(channels) for _ in range(num_levels - 1)]) if bottom_up else None

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Return one rectified map (N, channels, H_i, W_i) per level, finest first, each of the size of its input."""
        top_down = [self.top_down[-1](feats[-1])]
        for level in reversed(range(len(feats) - 1)):
            coarser = bilinear_to(top_down[0], feats[level].shape[2:])
            top_down.insert(0, self.top_down[level](feats[level] + coarser))
        if self.bottom_up is None:
            return top_down
        maps = [top_down[0]]
        for level in range(1, len(feats)):
            finer = nearest_to(maps[-1], feats[level].shape[2:])
            maps.append(self.bottom_up[level - 1](feats[level] + top_down[level] + finer))
        return maps


class ChannelScale(nn.Sequential):
    """1x1 depthwise convolution with bias, batch norm, ReLU: no mixing of positions or channels.

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 1, groups=channels), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
