"""BiFPN as a neck."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_count, check_features, check_in_channels
from .convs import PointwiseBlock
from .segmentation_bifpn_layers import SegmentationBiFPNLayers
from .weighted_bifpn_layer import WeightedBiFPNLayer

FUSIONS = ('weighted', 'sum')


@MODELS.register_module()
class BiFPN(BaseModule):
    """Bidirectional feature pyramid: a neck for mmseg, mmdet and mmpretrain.

    Two forms of the layers:

    - ``fusion='weighted'``: :class:`WeightedBiFPNLayer` without 1x1 blocks after resizing, the fixed-channel form of
      FRSKD's classification code. Its laterals are part of the layers.
    - ``fusion='sum'``: :class:`SegmentationBiFPNLayer`, of FRSKD's segmentation code. A 1x1 block in front brings every
      level that does not have ``out_channels`` channels to them.

    Levels beyond the inputs come from 3x3 convolutions with stride 2, the first of them of the coarsest input.

    Papers: `EfficientDet <https://arxiv.org/abs/1911.09070>`_,
    `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        in_channels: Channels of the input levels, finest first, at least two levels.
        out_channels: Channels of every output level.
        num_layers: Number of layers.
        fusion: ``'weighted'`` or ``'sum'``.
        depth: Separable convolutions per node. Unused by ``'sum'``.
        num_outs: Number of output levels. Defaults to None: that of the inputs.
        init_cfg: Initialisation of mmengine. Defaults to None: PyTorch's own.

    Attributes:
        out_channels: Channels of every output level, as a list.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int, num_layers: int = 1, fusion: str = 'weighted',
                 depth: int = 2, num_outs: int | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_in_channels(in_channels)
        check_count('out_channels', out_channels)
        check_count('num_layers', num_layers)
        check_count('depth', depth)
        num_outs = len(in_channels) if num_outs is None else num_outs
        check_count('num_outs', num_outs, least=len(in_channels))
        if fusion not in FUSIONS:
            raise ValueError(f'fusion is {fusion!r}, it must be one of {", ".join(FUSIONS)}: choose one.')
        self.in_channels = list(in_channels)
        self.out_channels = [out_channels] * num_outs
        levels = self.in_channels + self.out_channels[len(in_channels):]
        above = range(len(in_channels), num_outs)
        self.extra = nn.ModuleList([_Downsample(levels[level - 1], out_channels) for level in above])
        self.laterals = None
        if fusion == 'weighted':
            self.layers = self._weighted_layers(levels, num_layers, depth)
        else:
            self.laterals = nn.ModuleList(
                [nn.Identity() if channels == out_channels else PointwiseBlock(channels, out_channels)
                 for channels in levels])
            self.layers = SegmentationBiFPNLayers(out_channels, num_outs, num_layers)

    def _weighted_layers(self, levels: Sequence[int], num_layers: int, depth: int) -> nn.Sequential:
        first = WeightedBiFPNLayer(levels, self.out_channels, depth, resample_blocks=False)
        later = [WeightedBiFPNLayer(self.out_channels, self.out_channels, depth, first_laterals=False,
                                    resample_blocks=False) for _ in range(num_layers - 1)]
        return nn.Sequential(first, *later)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Fuse the levels of a backbone.

        Args:
            feats: Maps (N, in_channels[i], H_i, W_i), finest first.

        Returns:
            The fused maps (N, out_channels, H_i, W_i), rectified, ``num_outs`` of them.

        Raises:
            ValueError: If the number of maps or their channels are not those of ``in_channels``.
        """
        check_features(feats, self.in_channels)
        maps: list[Tensor] = list(feats)
        for downsample in self.extra:
            maps.append(downsample(maps[-1]))
        if self.laterals is not None:
            maps = [lateral(feat) for lateral, feat in zip(self.laterals, maps, strict=True)]
        return tuple(self.layers(maps))


class _Downsample(nn.Sequential):

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True))
