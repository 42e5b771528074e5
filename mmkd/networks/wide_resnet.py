"""Wide residual network, a backbone for small images."""
from collections import OrderedDict
from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_count, check_out_indices

INIT = (dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu'),
        dict(type='Constant', layer='BatchNorm2d', val=1))


@MODELS.register_module()
class WideResNet(BaseModule):
    """Wide residual network with blocks that activate before they convolve, three stages of stride 1, 2, 2.

    The last batch norm and ReLU of a stage are its own here, not those of the next stage's first block, which comes to
    the same: so every stage gives a rectified map of its own, with 16, 32 and 64 times ``widen_factor`` channels.
    With the global average of the last one and a linear classifier of 100 classes, WRN-16-2 has 703,284 parameters.

    FRSKD's code has another form, ``block_norm=False``: no batch norm at the input of a block, only ReLU. It has
    702,804 parameters; the 703,060 of that code include a batch norm that nothing uses.

    Weights start as normal(0, sqrt(2 / (k k out_channels))).

    Papers: `Wide Residual Networks <https://arxiv.org/abs/1605.07146>`_,
    `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        depth: Number of layers, 6 n + 4 with n blocks per stage.
        widen_factor: Factor of the channels.
        dropout: Probability of dropout between the convolutions of a block.
        out_indices: The stages whose maps are returned.
        block_norm: Whether a batch norm precedes the first ReLU of a block.
        init_cfg: Initialisation of mmengine.

    Attributes:
        res_layers: Names of the stages.

    Raises:
        ValueError: If an argument is not legal.

    Examples:
        >>> feats = WideResNet(depth=16, widen_factor=2)(torch.rand(1, 3, 32, 32))
        >>> [tuple(feat.shape[1:]) for feat in feats]
        [(32, 32, 32), (64, 16, 16), (128, 8, 8)]
    """

    def __init__(self, depth: int = 16, widen_factor: int = 2, dropout: float = 0.0,
                 out_indices: Sequence[int] = (0, 1, 2), block_norm: bool = True,
                 init_cfg: dict | Sequence[dict] | None = INIT) -> None:
        super().__init__(init_cfg if isinstance(init_cfg, dict) else init_cfg and list(init_cfg))
        _check(depth, dropout)
        check_count('widen_factor', widen_factor)
        check_out_indices(out_indices, 3)
        self.out_indices = tuple(out_indices)
        widths = [16, *(16 * 2 ** stage * widen_factor for stage in range(3))]
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.res_layers = ['layer1', 'layer2', 'layer3']
        for stage, name in enumerate(self.res_layers):
            self.add_module(name, _stage(
                *widths[stage:stage + 2], stride=min(stage + 1, 2), blocks=(depth - 4) // 6, dropout=dropout,
                block_norm=block_norm, rectified=stage > 0))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the rectified maps of the asked stages for images (N, 3, H, W): of full, half and quarter size."""
        feat = self.conv1(images)
        maps = []
        for name in self.res_layers:
            feat = getattr(self, name)(feat)
            maps.append(feat)
        return tuple(maps[index] for index in self.out_indices)


def _stage(in_channels: int, channels: int, stride: int, blocks: int, dropout: float, block_norm: bool,
           rectified: bool) -> nn.Sequential:
    parts = [('block1', _Block(in_channels, channels, stride, dropout, block_norm, rectified))]
    parts += [(f'block{index}', _Block(channels, channels, 1, dropout, block_norm, False))
              for index in range(2, blocks + 1)]
    return nn.Sequential(OrderedDict([*parts, ('norm', nn.BatchNorm2d(channels)), ('relu', nn.ReLU(inplace=True))]))


class _Block(nn.Module):
    # The shortcut of a block that changes channels reads the activated input, as in the paper's code.

    def __init__(self, in_channels: int, channels: int, stride: int, dropout: float, norm: bool,
                 rectified: bool) -> None:
        super().__init__()
        self.rectified = rectified
        self.norm1 = nn.BatchNorm2d(in_channels) if norm and not rectified else nn.Identity()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.dropout = dropout
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.shortcut = None
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False)

    def forward(self, feat: Tensor) -> Tensor:
        active = feat if self.rectified else self.norm1(feat).relu()
        out = self.norm2(self.conv1(active)).relu()
        out = self.conv2(F.dropout(out, self.dropout, self.training))
        return out + (feat if self.shortcut is None else self.shortcut(active))


def _check(depth: int, dropout: float) -> None:
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f'depth is {depth}, it must be 6 n + 4 with n of at least 1: choose for example 16, 28 or 40.')
    if not 0 <= dropout < 1:
        raise ValueError(f'dropout is {dropout}, it must be at least 0 and below 1: lower it.')
