"""Convolution blocks of the self-teacher."""
from torch import nn


class PointwiseBlock(nn.Sequential):
    """1x1 convolution without bias, batch norm, ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


class SeparableConvs(nn.Sequential):
    """``depth`` times a 3x3 depthwise convolution, a 1x1 convolution, batch norm and ReLU.

    Args:
        channels: Channels of input and output.
        depth: Number of repetitions.
        rectify: Whether a ReLU comes last.
    """

    def __init__(self, channels: int, depth: int, rectify: bool = True) -> None:
        super().__init__(*[SeparableConv(channels, rectify or i < depth - 1) for i in range(depth)])


class SeparableConv(nn.Sequential):
    """3x3 depthwise convolution, 1x1 convolution, both without bias, batch norm, ReLU.

    Args:
        channels: Channels of input and output.
        rectify: Whether the ReLU is there.
    """

    def __init__(self, channels: int, rectify: bool = True) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels),
            *([nn.ReLU(inplace=True)] if rectify else []))
