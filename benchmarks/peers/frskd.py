"""FRSKD for classification as published: networks, soft targets and attention maps, written down plainly.

Every part of the network keeps its maps before the ReLU and every consumer rectifies what it reads; a coarse map is
enlarged before its 1x1 convolution; fusions are sums of products. Parameters stand in the order in which mmkd has them,
so that weights can be copied one by one.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.attention_transfer import attention_transfer
from benchmarks.peers.soft_targets import soft_targets


class PlainFRSKD(nn.Module):
    r"""Student and self-teacher; ``forward`` is :math:`CE_s + CE_t + \alpha KD + \beta AT`.

    Args:
        width: Channels of the first stage.
        num_classes: Number of classes.
        alpha: Weight of the soft targets.
        beta: Weight of the attention maps.
    """

    def __init__(self, width: int = 64, num_classes: int = 100, alpha: float = 2.0, beta: float = 100.0) -> None:
        super().__init__()
        self.student = CifarResNet18(width, num_classes)
        self.teacher = SelfTeacher([width * 2**stage for stage in range(4)], 2, num_classes)
        self.alpha, self.beta = alpha, beta

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """The total loss of a batch (N, 3, H, W) with labels (N,)."""
        features, logits = self.student(images)
        refined, softer = self.teacher(features)
        own = F.cross_entropy(logits, labels) + F.cross_entropy(softer, labels)
        attention = sum(attention_transfer(*pair) for pair in zip(features, refined, strict=True))
        return own + self.alpha * soft_targets(logits, softer, 4.0) + self.beta * attention


class CifarResNet18(nn.Module):
    """ResNet-18 with a 3x3 stem; gives the rectified maps of its four stages, and logits."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        widths = [width, *(width * 2**stage for stage in range(4))]
        self.stages = nn.ModuleList(
            nn.Sequential(Block(own, wide, 2 if stage else 1), Block(wide, wide))
            for stage, (own, wide) in enumerate(pairwise(widths))
        )
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Maps, shallow first, and logits of images (N, 3, H, W)."""
        feat, maps = self.norm(self.conv(images)), []
        for stage in self.stages:
            feat = stage(feat)
            maps.append(feat)
        return [F.relu(level) for level in maps], self.classifier(F.relu(feat).mean(dim=(2, 3)))


class Block(nn.Module):
    """Residual block that rectifies its input instead of its output, so that stages can be read unrectified."""

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            convolution = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(channels))

    def forward(self, feat: Tensor) -> Tensor:
        """The unrectified sum."""
        feat = F.relu(feat)
        hidden = F.relu(self.norm1(self.conv1(feat)), inplace=True)
        total = self.norm2(self.conv2(hidden))
        total += self.shortcut(feat)
        return total


class SelfTeacher(nn.Module):
    """One layer of BiFPNc: laterals, a way up, a way down, and a classifier on the deepest map."""

    def __init__(self, channels: Sequence[int], width: int, num_classes: int) -> None:
        super().__init__()
        wide, levels = [width * count for count in channels], len(channels)
        self.lateral = nn.ModuleList(_pointwise(*pair) for pair in zip(channels, wide, strict=True))
        self.second_lateral = nn.ModuleList(_pointwise(*pair) for pair in zip(channels[1:], wide[1:], strict=True))
        self.enlarged = nn.ModuleList(_pointwise(wide[level + 1], wide[level]) for level in range(levels - 1))
        self.pooled = nn.ModuleList(_pointwise(wide[level], wide[level + 1]) for level in range(levels - 1))
        self.up = nn.ModuleList(Node(2, wide[level]) for level in range(levels - 1))
        self.down = nn.ModuleList(Node(3 if level < levels - 1 else 2, wide[level]) for level in range(1, levels))
        self.classifier = nn.Linear(wide[-1], num_classes)

    def forward(self, features: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Refined maps, rectified, and logits."""
        last = len(features) - 1
        lateral = [layer(F.relu(feat)) for layer, feat in zip(self.lateral, features, strict=True)]
        second = [layer(F.relu(feat)) for layer, feat in zip(self.second_lateral, features[1:], strict=True)]
        up = [lateral[last]]
        for level in reversed(range(last)):
            larger = F.interpolate(F.relu(up[0]), scale_factor=2, mode='nearest')
            up.insert(0, self.up[level](F.relu(lateral[level]), self.enlarged[level](larger)))
        down = [up[0]]
        for level in range(1, last + 1):
            smaller = self.pooled[level - 1](_halve(F.relu(down[-1])))
            same = [F.relu(up[level])] if level < last else []
            down.append(self.down[level - 1](F.relu(second[level - 1]), *same, smaller))
        return [F.relu(level) for level in down], self.classifier(F.relu(down[-1]).mean(dim=(2, 3)))


class Node(nn.Module):
    """Fast normalised fusion and two separable convolutions, the last of which is not rectified."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(inputs))
        self.convs = nn.Sequential(*_separable(channels), nn.ReLU(), *_separable(channels))

    def forward(self, *maps: Tensor) -> Tensor:
        """The node of two or three maps."""
        share = F.relu(self.weight)
        share = share / (share.sum() + 1e-6)
        return self.convs(sum(share[index] * level for index, level in enumerate(maps)))


def _pointwise(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_channels, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())


def _separable(channels: int) -> list[nn.Module]:
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return [depthwise, nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)]


def _halve(feat: Tensor) -> Tensor:
    # Sizes are even: one row and column of zeros at the bottom and right is the padding that TensorFlow calls "same".
    return F.max_pool2d(F.pad(feat, (0, 1, 0, 1)), 3, 2)
