"""DRG of LightSKD as its code has it: a gated classifier on an early stage, whose soft targets teach the output."""

import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.soft_targets import soft_targets


class PlainDRG(nn.Module):
    """``forward`` is the cross entropy of the early classifier and 0.2 times its soft targets.

    Args:
        channels: Channels of the stage.
        num_classes: Number of classes.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(*_separable(channels, channels), nn.BatchNorm2d(channels), nn.ReLU())
        self.units = nn.Sequential(*_separable(channels, 2 * channels), *_separable(2 * channels, 4 * channels))
        self.classifier = nn.Linear(4 * channels, num_classes)

    def forward(self, stage: Tensor, logits: Tensor, labels: Tensor) -> Tensor:
        """The terms for a map (N, C, H, W) of even sizes, the student's logits (N, K) and labels (N,)."""
        opened = F.interpolate(self.gate(stage), scale_factor=2, mode='bilinear', align_corners=True).sigmoid()
        pooled = F.adaptive_avg_pool2d(self.units(opened * stage), 1).flatten(1)
        early = self.classifier(pooled)
        return F.cross_entropy(early, labels) + 0.2 * soft_targets(logits, early, 4.0)


def _separable(in_channels: int, channels: int) -> list[nn.Module]:
    layers = []
    for stride, width in ((2, in_channels), (1, channels)):
        depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels, bias=False)
        layers += [depthwise, nn.Conv2d(in_channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return layers
