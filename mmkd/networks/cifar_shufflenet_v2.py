"""ShuffleNet V2 for small images."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_out_indices

STEM = 24
WIDTHS = {
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}
UNITS = (3, 7, 3)


@MODELS.register_module()
class CIFARShuffleNetV2(BaseModule):
    """ShuffleNet V2 with a 1x1 stem of stride 1 and no pooling, three stages of stride 2 and a 1x1 convolution.

    A stage is a unit that halves the size and 3, 7 or 3 units that leave it; the last 1x1 convolution is the fourth map
    and what a classifier averages. With one of 100 classes the network of width 1 has 1,355,528 parameters, as in the
    CRD benchmark.

    Weights start as PyTorch's layers do by default.

    Papers: `ShuffleNet V2 <https://arxiv.org/abs/1807.11164>`_,
    `Contrastive Representation Distillation <https://arxiv.org/abs/1910.10699>`_ (this form)

    Args:
        width_factor: Width of the paper's table: 0.5, 1.0, 1.5 or 2.0.
        out_indices: The maps that are returned: 0, 1 and 2 are the stages, 3 is the last convolution.
        init_cfg: Initialisation of mmengine.

    Attributes:
        res_layers: Names of the stages, by the word that the toolboxes have for stages; without the last convolution.

    Raises:
        ValueError: If an argument is not legal.

    Examples:
        >>> feats = CIFARShuffleNetV2()(torch.rand(1, 3, 32, 32))
        >>> [tuple(feat.shape[1:]) for feat in feats]
        [(116, 16, 16), (232, 8, 8), (464, 4, 4), (1024, 4, 4)]
    """

    def __init__(
        self,
        width_factor: float = 1.0,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        init_cfg: dict | Sequence[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if width_factor not in WIDTHS:
            raise ValueError(
                f'width_factor is {width_factor}, it must be one of {", ".join(map(str, WIDTHS))}: choose one.'
            )
        check_out_indices(out_indices, 4)
        self.out_indices = tuple(out_indices)
        widths = (STEM, *WIDTHS[width_factor])
        self.stem = _conv(3, STEM)
        self.res_layers = ['layer1', 'layer2', 'layer3']
        for stage, name in enumerate(self.res_layers):
            units = (_Unit(widths[stage + 1]) for _ in range(UNITS[stage]))
            self.add_module(name, nn.Sequential(_HalvingUnit(*widths[stage : stage + 2]), *units))
        self.last = _conv(*widths[3:])

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the asked rectified maps for images (N, 3, H, W): of half, quarter, eighth and eighth size."""
        feat, maps = self.stem(images), []
        for name in (*self.res_layers, 'last'):
            feat = getattr(self, name)(feat)
            maps.append(feat)
        return tuple(maps[index] for index in self.out_indices)


class _Unit(nn.Module):
    # The first half of the channels passes, the second is convolved; then the halves are interleaved.

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(_conv(half, half), *_depthwise(half, 1), *_conv(half, half)[:2])
        self.relu = nn.ReLU(inplace=True)

    def forward(self, feat: Tensor) -> Tensor:
        passed, convolved = feat.chunk(2, dim=1)
        # What passes is the rectified output of a unit, so that a second ReLU changes nothing; but whoever taps this
        # ReLU reads the whole map, its channels in their final order.
        return self.relu(_interleave(passed, self.branch(convolved)))


class _HalvingUnit(nn.Module):
    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.shortcut = nn.Sequential(*_depthwise(in_channels, 2), _conv(in_channels, half))
        self.branch = nn.Sequential(_conv(in_channels, half), *_depthwise(half, 2), _conv(half, half))

    def forward(self, feat: Tensor) -> Tensor:
        return _interleave(self.shortcut(feat), self.branch(feat))


def _conv(in_channels: int, channels: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, channels, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def _depthwise(channels: int, stride: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
    return conv, nn.BatchNorm2d(channels)


def _interleave(first: Tensor, second: Tensor) -> Tensor:
    """Two maps (N, C, H, W) as one (N, 2 C, H, W), whose channels come from both in turn."""
    return torch.stack((first, second), dim=2).flatten(1, 2)
