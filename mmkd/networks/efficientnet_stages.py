"""EfficientNet read at four depths."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

BLOCKS = dict(b0=(1, 3, 5, 15), b1=(2, 5, 8, 22), b2=(2, 5, 8, 22))


@MODELS.register_module()
class EfficientNetStages(BaseModule):
    """The encoder of FRSKD's segmentation network: EfficientNet, read after four of its blocks.

    The maps have the strides 4, 8, 16 and 32, and for B0 the channels 24, 40, 80 and 320. The third is read in the
    middle of a stage of mmpretrain's EfficientNet, whose ``out_indices`` reach the ends of stages only. Parameters are
    named as there (``layers.…``), so that ``init_cfg=dict(type='Pretrained', checkpoint=…, prefix='backbone.')`` loads
    its checkpoints; the last 1x1 convolution of those is not used.

    Papers: `EfficientNet <https://arxiv.org/abs/1905.11946>`_,
    `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        arch: ``'b0'``, ``'b1'`` or ``'b2'``.
        out_blocks: Indices of the blocks whose outputs are returned, ascending from 0. Defaults to None: those of the
            paper, 1, 3, 5, 15 for B0 and 2, 5, 8, 22 for B1 and B2.
        stem_activation: Whether the stem has its swish. The official segmentation code leaves it out.
        drop_path_rate: Rate of stochastic depth at the last block. The official segmentation code has none.
        norm_cfg: Normalisation. Defaults to None: batch norm with eps 1e-3 and momentum 0.01, as in the official code.
        init_cfg: Initialisation of mmengine. Defaults to None: that of mmpretrain's EfficientNet.

    Attributes:
        out_channels: Channels of every returned map.

    Raises:
        ValueError: If the architecture or a block does not exist.
        ImportError: If mmpretrain is not installed.
    """

    def __init__(self, arch: str = 'b0', out_blocks: Sequence[int] | None = None, stem_activation: bool = False,
                 drop_path_rate: float = 0.0, norm_cfg: dict | None = None, init_cfg: dict | None = None) -> None:
        if arch not in BLOCKS:
            raise ValueError(f'arch is {arch!r}, it must be one of {", ".join(BLOCKS)}: choose one.')
        # Imported here, so that users of other toolboxes need no mmpretrain.
        from mmpretrain.models import EfficientNet
        norm_cfg = dict(type='BN', eps=1e-3, momentum=0.01) if norm_cfg is None else norm_cfg
        network = EfficientNet(arch, drop_path_rate=drop_path_rate, norm_cfg=norm_cfg)
        super().__init__(network.init_cfg if init_cfg is None else init_cfg)
        self.layers = network.layers[:-1]
        self.layers[0].with_activation = stem_activation
        blocks = self._blocks()
        self.out_blocks = list(BLOCKS[arch] if out_blocks is None else out_blocks)
        if sorted(set(self.out_blocks)) != self.out_blocks or not set(self.out_blocks) <= set(range(len(blocks))):
            raise ValueError(
                f'out_blocks is {self.out_blocks}, it must be ascending and from 0 to {len(blocks) - 1} for {arch}: '
                'correct it.')
        self.out_channels = [blocks[index].linear_conv.out_channels for index in self.out_blocks]

    def _blocks(self) -> Sequence[nn.Module]:
        return [block for layer in self.layers[1:] for block in layer]

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of images (N, 3, H, W), finest first."""
        feat = self.layers[0](inputs)
        maps = []
        for index, block in enumerate(self._blocks()):
            feat = block(feat)
            if index in self.out_blocks:
                maps.append(feat)
        return tuple(maps)
