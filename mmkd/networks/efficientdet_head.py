"""The segmentation head of FRSKD's EfficientDet. It imports mmseg: only a config imports it, by ``custom_imports``."""
from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from mmkd.registry import MODELS


@MODELS.register_module()
class EfficientDetHead(BaseDecodeHead):
    """Two 3x3 convolutions on the finest level, with batch norm (eps 1e-4, momentum 0.997) and a ReLU between them.

    mmseg's ``FCNHead`` cannot be set to this, because its classifying convolution is always 1x1.

    Paper: `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        channels: Channels between the convolutions.
        in_index: Level that is read.
        dropout_ratio: Dropout before the last convolution. The official code has none.
        norm_eps: Epsilon of batch norm.
        norm_momentum: Its momentum. The official 0.997 makes the running statistics almost those of the last batch.
        init_cfg: Initialisation of mmengine. Defaults to None: PyTorch's own, as in the official code.
        kwargs: Other arguments of mmseg's ``BaseDecodeHead``, ``in_channels`` and ``num_classes`` among them.
    """

    def __init__(self, channels: int = 256, in_index: int = 0, dropout_ratio: float = 0.0, norm_eps: float = 1e-4,
                 norm_momentum: float = 0.997, init_cfg: dict | None = None, **kwargs: object) -> None:
        super().__init__(channels=channels, in_index=in_index, dropout_ratio=dropout_ratio, init_cfg=init_cfg, **kwargs)
        self.conv = nn.Sequential(
            nn.Conv2d(self.in_channels, channels, 3, padding=1),
            nn.BatchNorm2d(channels, eps=norm_eps, momentum=norm_momentum), nn.ReLU(inplace=True))
        self.conv_seg = nn.Conv2d(channels, self.out_channels, 3, padding=1)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return the logits (N, num_classes, H, W) of a pyramid, at the size of the level that is read."""
        return self.cls_seg(self.conv(self._transform_inputs(inputs)))
