"""The neck of FRSKD's segmentation network."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_count, check_features, check_in_channels
from .resize import bilinear_to
from .segmentation_bifpn_layers import SegmentationBiFPNLayers


@MODELS.register_module()
class SegmentationPyramid(BaseModule):
    """The neck of FRSKD's segmentation student: a feature pyramid and stacked BiFPN layers.

    Laterals are 1x1 convolutions, the top-down path adds the bilinearly resized coarser level, and the levels beyond
    the inputs (P6 and P7 of the paper) come from 3x3 convolutions with stride 2, the first of the coarsest input. Each
    of these convolutions has a bias, batch norm with eps 1e-4 and momentum 0.997, and a ReLU.

    Paper: `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        in_channels: Channels of the backbone's maps, finest first, at least two levels.
        out_channels: Channels of every level: 64, 88 and 112 for the paper's d0, d1 and d2.
        num_layers: Number of BiFPN layers, 0 for none.
        num_outs: Number of output levels.
        norm_eps: Epsilon of batch norm in laterals and extra levels.
        norm_momentum: Its momentum. The official 0.997 makes the running statistics almost those of the last batch.
        init_cfg: Initialisation of mmengine. Defaults to None: PyTorch's own, as in the official code.

    Attributes:
        out_channels: Channels of every output level, as a list.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int, num_layers: int = 3, num_outs: int = 6,
                 norm_eps: float = 1e-4, norm_momentum: float = 0.997, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_in_channels(in_channels)
        check_count('out_channels', out_channels)
        check_count('num_layers', num_layers, least=0)
        check_count('num_outs', num_outs, least=len(in_channels))
        self.in_channels = list(in_channels)
        self.out_channels = [out_channels] * num_outs
        norm = dict(eps=norm_eps, momentum=norm_momentum)
        self.laterals = nn.ModuleList([_Conv(channels, out_channels, 1, 1, norm) for channels in in_channels])
        levels = self.in_channels + self.out_channels[len(in_channels):]
        above = range(len(in_channels), num_outs)
        self.extra = nn.ModuleList([_Conv(levels[level - 1], out_channels, 3, 2, norm) for level in above])
        self.layers = SegmentationBiFPNLayers(out_channels, num_outs, num_layers)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Build the pyramid of a backbone's maps.

        Args:
            feats: Maps (N, in_channels[i], H_i, W_i), finest first.

        Returns:
            ``num_outs`` rectified maps (N, out_channels, H_i, W_i).

        Raises:
            ValueError: If the number of maps or their channels are not those of ``in_channels``.
        """
        check_features(feats, self.in_channels)
        extra = []
        for conv in self.extra:
            extra.append(conv(extra[-1] if extra else feats[-1]))
        maps = [lateral(feat) for lateral, feat in zip(self.laterals, feats, strict=True)]
        for level in reversed(range(len(maps) - 1)):
            maps[level] = maps[level] + bilinear_to(maps[level + 1], maps[level].shape[2:])
        return tuple(self.layers(maps + extra))


class _Conv(nn.Sequential):

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int, norm: dict) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2),
            nn.BatchNorm2d(out_channels, **norm), nn.ReLU(inplace=True))
