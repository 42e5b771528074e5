"""Residual network for small images, in the three-stage form of its paper's CIFAR experiments."""

from collections.abc import Sequence
from typing import ClassVar

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_count, check_out_indices

INIT = (
    dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu'),
    dict(type='Constant', layer='BatchNorm2d', val=1),
)


@MODELS.register_module()
class CIFARResNet(BaseModule):
    """ResNet with a 3x3 stem and three stages of n basic blocks each, of stride 1, 2, 2.

    The stages have ``base_width`` times 1, 2 and 4 channels. The shortcut of a block that changes size or channels is a
    1x1 convolution with a batch norm, as in the CRD benchmark. Parameters with a linear classifier of 100 classes:

    ============ ======= ============ ============ ===========
    name         depth   base_width   stem_width   parameters
    ============ ======= ============ ============ ===========
    resnet20     20      16           16           278,324
    resnet56     56      16           16           861,620
    resnet110    110     16           16           1,736,564
    resnet8x4    8       64           32           1,233,540
    resnet32x4   32      64           32           7,433,860
    ============ ======= ============ ============ ===========

    Weights start as normal(0, sqrt(2 / (k k out_channels))).

    Papers: `Deep Residual Learning for Image Recognition <https://arxiv.org/abs/1512.03385>`_ (section 4.2),
    `Contrastive Representation Distillation <https://arxiv.org/abs/1910.10699>`_ (the x4 variants)

    Args:
        depth: Number of layers, 6 n + 2 with n blocks per stage.
        base_width: Channels of the first stage.
        stem_width: Channels of the stem, by default those of the first stage.
        out_indices: The stages whose maps are returned.
        init_cfg: Initialisation of mmengine.

    Attributes:
        res_layers: Names of the stages.

    Raises:
        ValueError: If an argument is not legal.

    Examples:
        >>> feats = CIFARResNet(depth=20)(torch.rand(1, 3, 32, 32))
        >>> [tuple(feat.shape[1:]) for feat in feats]
        [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    """

    arch_settings: ClassVar[dict[int, tuple[str, tuple[int, ...]]]] = {
        6 * blocks + 2: ('basic', (blocks,) * 3) for blocks in range(1, 21)
    }
    """Kind and number of the blocks of the usual depths, as the toolboxes' ResNets tell them."""

    def __init__(
        self,
        depth: int = 20,
        base_width: int = 16,
        stem_width: int | None = None,
        out_indices: Sequence[int] = (0, 1, 2),
        init_cfg: dict | Sequence[dict] | None = INIT,
    ) -> None:
        super().__init__(init_cfg if isinstance(init_cfg, dict) else init_cfg and list(init_cfg))
        stem_width = base_width if stem_width is None else stem_width
        _check_depth(depth)
        check_count('base_width', base_width)
        check_count('stem_width', stem_width)
        check_out_indices(out_indices, 3)
        self.out_indices = tuple(out_indices)
        self.conv1 = nn.Conv2d(3, stem_width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem_width)
        self.relu = nn.ReLU(inplace=True)
        self.res_layers = ['layer1', 'layer2', 'layer3']
        widths = [stem_width, *(base_width * 2**stage for stage in range(3))]
        for stage, name in enumerate(self.res_layers):
            self.add_module(name, _stage(*widths[stage : stage + 2], min(stage + 1, 2), (depth - 2) // 6))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the rectified maps of the asked stages for images (N, 3, H, W): of full, half and quarter size."""
        feat = self.relu(self.bn1(self.conv1(images)))
        maps = []
        for name in self.res_layers:
            feat = getattr(self, name)(feat)
            maps.append(feat)
        return tuple(maps[index] for index in self.out_indices)


def _stage(in_channels: int, channels: int, stride: int, blocks: int) -> nn.Sequential:
    rest = (_Block(channels, channels, 1) for _ in range(blocks - 1))
    return nn.Sequential(_Block(in_channels, channels, stride), *rest)


class _Block(nn.Module):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        # The last thing that a block does, so that its input is the map before the activation.
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            shortcut = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))

    def forward(self, feat: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(feat)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (feat if self.downsample is None else self.downsample(feat)))


def _check_depth(depth: int) -> None:
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f'depth is {depth}, it must be 6 n + 2 with n of at least 1: choose for example 8, 20 or 32.')
