"""Convolution blocks of the self-teacher."""
import torch.nn.functional as F
from torch import Tensor, nn


class BatchNorm(nn.BatchNorm2d):
    """Batch norm that uses its running statistics where a channel has one value, which has no spread.

    The coarsest level of one small image is a single position.
    """

    def forward(self, feat: Tensor) -> Tensor:
        """Return the normalised map (N, C, H, W)."""
        if self.training and feat.numel() == self.num_features:
            return F.batch_norm(feat, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(feat)


class PointwiseBlock(nn.Sequential):
    """1x1 convolution without bias, batch norm, ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 1, bias=False), BatchNorm(out_channels), nn.ReLU(inplace=True))


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
        channels: Channels of the input.
        rectify: Whether the ReLU is there.
        out_channels: Channels of the output. Defaults to None: those of the input.
        stride: Stride of the depthwise convolution.
    """

    def __init__(self, channels: int, rectify: bool = True, out_channels: int | None = None, stride: int = 1) -> None:
        out_channels = out_channels or channels
        super().__init__(
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False),
            nn.Conv2d(channels, out_channels, 1, bias=False), BatchNorm(out_channels),
            *([nn.ReLU(inplace=True)] if rectify else []))
