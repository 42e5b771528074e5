"""VGG of dynamic depth."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mmkd.registry import MODELS

from .dynamic_depth_resnet import build_dynamic


@MODELS.register_module()
class DynamicDepthVGG:
    """Builds a :class:`mmkd.networks.CIFARVGG` that also runs as shallower ones by the same weights.

    VGG-19 (2, 2, 4, 4, 4) contains VGG-16 (2, 2, 3, 3, 3) and VGG-13 (2, 2, 2, 2, 2). See
    :class:`mmkd.networks.DynamicDepthResNet` for what it can do and what it raises.

    Args:
        depth: Of the full net: 8, 11, 13, 16 or 19.
        subnets: Convolutions per stage of every sub-net, by name.
        norm: ``'private'`` or ``'shared'`` batch norms.
        arguments: Those of the plain network.
    """

    def __new__(  # noqa: D102  (described on the class)
        cls,
        depth: int = 19,
        subnets: Mapping[str, Sequence[int]] | None = None,
        norm: str = 'private',
        **arguments: Any,
    ) -> nn.Module:
        return build_dynamic('mmkd.CIFARVGG', depth, subnets, norm, None, arguments)
