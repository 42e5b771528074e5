"""The auxiliary classifier of DRG."""
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_count
from .convs import BatchNorm, SeparableConv


@MODELS.register_module()
class ReverseGuidanceHead(BaseModule):
    r"""Classifies an image by a map of an early stage, through a gate of its own.

    With separable units :math:`S` (twice a 3x3 depthwise and a 1x1 convolution, batch norm, ReLU; the first depthwise
    one has stride 2)

    .. math:: g = \sigma(\mathrm{resize}(\mathrm{ReLU}(\mathrm{BN}(S_0(h))))), \quad
        a = W \, \mathrm{avg}(S_2(S_1(g \odot h)))

    where the gate is brought back to the size of :math:`h` bilinearly. A ReLU precedes the sigmoid, so that the gate
    lies in [0.5, 1). Maps of any size will do, odd and not square ones too. With C channels and K classes it has
    :math:`17 C^2 + 96 C + 4 C K + K` parameters.

    Paper: `Lightweight Self-Knowledge Distillation with Multi-source Information Fusion
    <https://arxiv.org/abs/2305.09183>`_

    Args:
        in_channels: Channels C of the map.
        num_classes: Classes K.
        gate: Whether the map passes the gate.
        init_cfg: Initialisation of mmengine. Defaults to None: PyTorch's own, as in the official code.

    Raises:
        ValueError: If a number is below 1.
    """

    def __init__(self, in_channels: int, num_classes: int, gate: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_count('in_channels', in_channels)
        check_count('num_classes', num_classes)
        self.gate = None
        if gate:
            self.gate = nn.Sequential(
                SeparableUnit(in_channels, in_channels), BatchNorm(in_channels), nn.ReLU(inplace=True))
        self.units = nn.Sequential(
            SeparableUnit(in_channels, 2 * in_channels), SeparableUnit(2 * in_channels, 4 * in_channels))
        self.classifier = nn.Linear(4 * in_channels, num_classes)

    def forward(self, feat: Tensor) -> Tensor:
        """Return logits (N, K) of a map (N, C, H, W).

        Raises:
            ValueError: If the map has other channels.
        """
        expected = self.units[0][0][0].in_channels
        if feat.dim() != 4 or feat.shape[1] != expected:
            raise ValueError(
                f'The map has the shape {tuple(feat.shape)}, it must be (N, {expected}, H, W): set in_channels to the '
                'channels of the stage.')
        if self.gate is not None:
            feat = feat * self.gate_of(feat)
        return self.classifier(self.units(feat).mean(dim=(2, 3)))

    def gate_of(self, feat: Tensor) -> Tensor:
        """Return the gate (N, C, H, W), between 0.5 and 1."""
        opened = F.interpolate(self.gate(feat), size=feat.shape[-2:], mode='bilinear', align_corners=True)
        return opened.sigmoid()


class SeparableUnit(nn.Sequential):
    """Two separable convolutions, the first of stride 2, the second to the channels of the output.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            SeparableConv(in_channels, stride=2), SeparableConv(in_channels, out_channels=out_channels))
