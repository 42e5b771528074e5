"""The self-teacher of FRSKD's segmentation network."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor

from mmkd.registry import MODELS

from .checks import check_count, check_features, check_in_channels
from .segmentation_bifpn_layers import SegmentationBiFPNLayers


@MODELS.register_module()
class SegmentationBiFPNSelfTeacher(BaseModule):
    """The self-teacher of FRSKD's segmentation network: further BiFPN layers on the maps of the student's neck.

    It is called like :class:`BiFPNSelfTeacher`.

    Paper: `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        in_channels: Channels of the student's maps, finest first, the same in every level, at least two levels.
        num_layers: Number of layers.
        last_without_bottom_up: Whether the last layer ends after its top-down pass, as in the official code, where the
            head reads the finest level only: a bottom-up pass after it would never be trained.
        init_cfg: Initialisation of mmengine. Defaults to None: PyTorch's own, as in the official code.

    Attributes:
        out_channels: Channels of every map.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(self, in_channels: Sequence[int], num_layers: int = 2, last_without_bottom_up: bool = True,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_in_channels(in_channels)
        check_count('num_layers', num_layers)
        if len(set(in_channels)) > 1:
            raise ValueError(
                f'in_channels is {list(in_channels)}, all levels must have the same channels: put this self-teacher on '
                'a neck, or use BiFPNSelfTeacher.')
        self.in_channels = list(in_channels)
        self.out_channels = list(in_channels)
        self.layers = SegmentationBiFPNLayers(in_channels[0], len(in_channels), num_layers, last_without_bottom_up)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], None]:
        """Refine the maps of a student's neck.

        Args:
            feats: Maps (N, in_channels[i], H_i, W_i), finest first.

        Returns:
            The refined maps of the same shapes, rectified, and None, since this self-teacher has no classifier.

        Raises:
            ValueError: If the number of maps or their channels are not those of ``in_channels``.
        """
        check_features(feats, self.in_channels)
        return self.layers(list(feats)), None
