"""VGG network for small images."""

from collections.abc import Sequence
from typing import ClassVar

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_out_indices
from .cifar_resnet import INIT

WIDTHS = (64, 128, 256, 512, 512)
BLOCKS = {8: (1, 1, 1, 1, 1), 11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


@MODELS.register_module()
class CIFARVGG(BaseModule):
    """VGG with batch norm and five stages of 64, 128, 256, 512 and 512 channels, whose maps are averaged at the end.

    A stage is one to four convolutions of 3x3 (with a bias, as in the CRD benchmark), each followed by batch norm and
    ReLU. 2x2 max-pooling stands at the beginning of the second, third and fourth stage, so that images of 32x32 give
    deepest maps of 4x4; ``pools=4`` is for images of 64x64. In place of VGG's fully connected layers there is the
    average over positions and one linear classifier. With one of 100 classes VGG-8 has 3,965,028 parameters and VGG-13
    has 9,462,180.

    Weights start as normal(0, sqrt(2 / (k k out_channels))).

    Papers: `Very Deep Convolutional Networks for Large-Scale Image Recognition <https://arxiv.org/abs/1409.1556>`_,
    `Contrastive Representation Distillation <https://arxiv.org/abs/1910.10699>`_ (this form)

    Args:
        depth: Name of the variant, 8, 11, 13, 16 or 19: the number of convolutions plus VGG's three fully connected
            layers.
        pools: Number of stages after the first that begin with max-pooling.
        out_indices: The stages whose maps are returned.
        init_cfg: Initialisation of mmengine.

    Attributes:
        res_layers: Names of the stages, by the word that the toolboxes have for stages.

    Raises:
        ValueError: If an argument is not legal.

    Examples:
        >>> feats = CIFARVGG(depth=8)(torch.rand(1, 3, 32, 32))
        >>> [tuple(feat.shape[1:]) for feat in feats]
        [(64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 4, 4)]
    """

    arch_settings: ClassVar[dict[int, tuple[str, tuple[int, ...]]]] = {
        depth: ('convolution', blocks) for depth, blocks in BLOCKS.items()
    }
    """Kind and number of the blocks of every depth, as the toolboxes' ResNets tell them."""

    def __init__(
        self,
        depth: int = 13,
        pools: int = 3,
        out_indices: Sequence[int] = (0, 1, 2, 3, 4),
        init_cfg: dict | Sequence[dict] | None = INIT,
    ) -> None:
        super().__init__(init_cfg if isinstance(init_cfg, dict) else init_cfg and list(init_cfg))
        if depth not in BLOCKS:
            raise ValueError(f'depth is {depth}, it must be one of {", ".join(map(str, BLOCKS))}: choose one.')
        if not 0 <= pools <= 4:
            raise ValueError(f'pools is {pools}, it must be 0 to 4: the first of five stages is never pooled.')
        check_out_indices(out_indices, len(WIDTHS))
        self.out_indices = tuple(out_indices)
        self.res_layers = [f'layer{stage}' for stage in range(1, 6)]
        for stage, (name, convs) in enumerate(zip(self.res_layers, BLOCKS[depth], strict=True)):
            in_channels = WIDTHS[stage - 1] if stage else 3
            self.add_module(name, _stage(in_channels, WIDTHS[stage], convs, pooled=0 < stage <= pools))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the rectified maps of the asked stages for images (N, 3, H, W); sizes are rounded down."""
        feat, maps = images, []
        for name in self.res_layers:
            feat = getattr(self, name)(feat)
            maps.append(feat)
        return tuple(maps[index] for index in self.out_indices)


def _stage(in_channels: int, channels: int, convs: int, pooled: bool) -> nn.Sequential:
    layers = [nn.MaxPool2d(2)] if pooled else []
    for index in range(convs):
        conv = nn.Conv2d(channels if index else in_channels, channels, 3, padding=1)
        layers += [conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
