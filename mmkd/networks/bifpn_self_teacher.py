"""The self-teacher of FRSKD."""
from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.registry import MODELS

from .checks import check_count, check_features, check_in_channels
from .weighted_bifpn_layer import WeightedBiFPNLayer


@MODELS.register_module()
class BiFPNSelfTeacher(BaseModule):
    """The self-teacher of FRSKD: refines the features of a student with a top-down and a bottom-up path.

    Level i has ``round(width * in_channels[i])`` channels throughout; :class:`WeightedBiFPNLayer` tells the graph. The
    levels may have any sizes: nearest neighbour to the target size on the way up, max-pooling to it on the way down,
    the 1x1 blocks alone between levels of equal size, as dilated backbones have them.

    Paper: `Refine Myself by Teaching Myself <https://arxiv.org/abs/2103.08273>`_

    Args:
        in_channels: Channels of the student's features, finest first, at least two levels.
        num_classes: Classes of the classifier on the globally averaged coarsest map. Defaults to None: no classifier.
        width: Channels of a level relative to the student's.
        depth: Separable convolutions per node.
        repeat: Number of layers. Later layers read the maps of the layer before and have no first laterals.
        rectify_input: Whether the inputs pass a ReLU first, as in the official code, where it changes nothing because
            the features come from a ReLU. Features that do not (transformers, necks) lose their negative half by it:
            False keeps them whole.
        rectify_output: Whether the maps pass the last ReLU. Without it they are those that :class:`OverhaulLoss`
            compares; the classifier reads them rectified in both cases.
        init_cfg: Initialisation of mmengine. Defaults to None: PyTorch's own, as in the official code.

    Attributes:
        out_channels: Channels of every map.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(self, in_channels: Sequence[int], num_classes: int | None = None, width: float = 2.0,
                 depth: int = 2, repeat: int = 1, rectify_input: bool = True,
                 rectify_output: bool = True, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        check_in_channels(in_channels)
        check_count('depth', depth)
        check_count('repeat', repeat)
        if num_classes is not None:
            check_count('num_classes', num_classes)
        self.in_channels = list(in_channels)
        self.out_channels = [round(width * channels) for channels in in_channels]
        if min(self.out_channels) < 1:
            raise ValueError(
                f'width {width} of in_channels {self.in_channels} gives {self.out_channels} channels, every level '
                'needs at least 1: choose a larger width.')
        self.rectify_input = rectify_input
        self.rectify_output = rectify_output
        rectify = [True] * (repeat - 1) + [rectify_output]
        layers = [WeightedBiFPNLayer(self.in_channels, self.out_channels, depth, rectify=rectify[0])]
        layers += [WeightedBiFPNLayer(self.out_channels, self.out_channels, depth, first_laterals=False, rectify=flag)
                   for flag in rectify[1:]]
        self.layers = nn.ModuleList(layers)
        self.classifier = None if num_classes is None else nn.Linear(self.out_channels[-1], num_classes)

    def forward(self, feats: Sequence[Tensor]) -> tuple[list[Tensor], Tensor | None]:
        """Refine the features of a student.

        Args:
            feats: Maps (N, in_channels[i], H_i, W_i), finest first.

        Returns:
            The refined maps (N, out_channels[i], H_i, W_i), rectified unless asked otherwise, and the logits
            (N, num_classes), or None without a classifier.

        Raises:
            ValueError: If the number of maps or their channels are not those of ``in_channels``.
        """
        check_features(feats, self.in_channels)
        maps = [feat.relu() for feat in feats] if self.rectify_input else list(feats)
        for layer in self.layers:
            maps = layer(maps)
        deepest = maps[-1] if self.rectify_output else maps[-1].relu()
        logits = None if self.classifier is None else self.classifier(deepest.mean(dim=(2, 3)))
        return maps, logits
