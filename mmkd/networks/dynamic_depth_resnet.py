"""Residual networks of dynamic depth."""

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import nn

from mmkd.registry import MODELS
from mmkd.toolboxes import present_toolbox

from .dynamic_depth import add_subnets, keep_blocks

PHOTOGRAPH_DEPTHS = (18, 34, 50, 101, 152)


@MODELS.register_module()
class DynamicDepthResNet:
    """Builds a residual network that also runs as shallower ones, the sub-nets, by the same weights.

    What it returns is the toolbox's own ``ResNet`` (or another class by ``base``) with its keys, so that published
    checkpoints load, plus the sub-nets of :class:`mmkd.networks.dynamic_depth.DynamicDepth`: ``set_subnet(name)``
    chooses the net of the next forward passes, and ``to_static(name)`` gives a plain network that computes the same. A
    sub-net is the first blocks of every stage, with batch norms of its own.

    ============================ =============== =======================================
    family                       full net        sub-nets (blocks per stage)
    ============================ =============== =======================================
    three stages, 32x32 images   R56 (9, 9, 9)   R44 (7, 7, 7), R32 (5, 5, 5), R20 (3, 3, 3)
    basic blocks                 R34 (3, 4, 6, 3) R18 (2, 2, 2, 2)
    bottlenecks                  R50 (3, 4, 6, 3) R26 (2, 2, 2, 2)
    bottlenecks                  R101 (3, 4, 23, 3) R50 (3, 4, 6, 3)
    ============================ =============== =======================================

    Paper: `Embedded Knowledge Distillation in Depth-Level Dynamic Neural Network <https://arxiv.org/abs/2103.00793>`_

    Args:
        depth: Of the full net: 18, 34, 50, 101 or 152, or 6 n + 2 for :class:`mmkd.networks.CIFARResNet`.
        subnets: Blocks per stage of every sub-net, by name, such as ``dict(r18=(2, 2, 2, 2))``. Without sub-nets the
            result is the plain network.
        norm: ``'private'``: every net has batch norms of its own; ``'shared'``: scale and shift are shared, and only
            the running statistics are not.
        blocks: Only the first so many blocks of every stage are built, for a depth that the toolboxes do not know.
        base: The class of the plain network, such as ``'mmseg.ResNetV1c'``; its stages must be in ``res_layers``. By
            default the ``ResNet`` of the toolbox at hand, or ``'mmkd.CIFARResNet'``.
        arguments: Those of the plain network.

    Raises:
        KeyError: If there is no such class.
        ValueError: If an argument is not legal, or batch norms keep untrained statistics (``norm_eval=True``).

    Examples:
        >>> net = MODELS.build(dict(type='mmkd.DynamicDepthResNet', depth=34, subnets=dict(r18=(2, 2, 2, 2))))
        >>> net.set_subnet('r18')
        >>> feats = net(torch.rand(1, 3, 224, 224))
        >>> plain = net.to_static('r18')
    """

    def __new__(  # noqa: D102  (described on the class)
        cls,
        depth: int,
        subnets: Mapping[str, Sequence[int]] | None = None,
        norm: str = 'private',
        blocks: Sequence[int] | None = None,
        base: str | None = None,
        **arguments: Any,
    ) -> nn.Module:
        return build_dynamic(base or _default_base(depth), depth, subnets, norm, blocks, arguments)


def build_dynamic(
    base: str,
    depth: int,
    subnets: Mapping[str, Sequence[int]] | None,
    norm: str,
    blocks: Sequence[int] | None,
    arguments: dict[str, Any],
) -> nn.Module:
    """The plain network of a class and depth, cut to ``blocks``, with sub-nets; see :class:`DynamicDepthResNet`."""
    base = base if '.' in base else f'{present_toolbox()}.{base}'
    if subnets and 'norm_eval' in inspect.signature(_class_of(base)).parameters:
        # mmdet's default is legal for pretrained statistics only, which sub-nets do not have
        arguments = {'norm_eval': False, **arguments}
    plain = dict(type=base, depth=depth, **arguments)
    backbone = MMENGINE_MODELS.build(plain)
    if not getattr(backbone, 'res_layers', None):
        raise ValueError(
            f'The backbone {base!r} has no stages in res_layers, but a sub-net is the first blocks of every stage: '
            'take a ResNet, or mmkd.CIFARVGG.'
        )
    if blocks is not None:
        keep_blocks(backbone, blocks)
        plain = dict(plain, type='mmkd.DynamicDepthResNet', base=base, blocks=tuple(blocks))
    if not subnets:
        return backbone
    return add_subnets(backbone, subnets, norm, plain, functools.partial(_shallower, base))


def _default_base(depth: int) -> str:
    if depth in PHOTOGRAPH_DEPTHS:
        return f'{present_toolbox()}.ResNet'
    if depth >= 8 and (depth - 2) % 6 == 0:
        return 'mmkd.CIFARResNet'
    raise ValueError(
        f'depth is {depth}, but it must be one of {", ".join(map(str, PHOTOGRAPH_DEPTHS))}, or 6 n + 2 (20, 32, 44, '
        '56, 110) for images of 32x32: choose one.'
    )


def _class_of(base: str) -> type:
    scope, _, name = base.rpartition('.')
    with MMENGINE_MODELS.switch_scope_and_registry(scope) as registry:
        found = registry.get(name)
    if found is None:
        raise KeyError(f'There is no backbone {base!r}: correct base.')
    return found


def _shallower(base: str, plain: dict[str, Any], blocks: tuple[int, ...]) -> dict[str, Any]:
    """The config of the network with so many blocks: by its depth if that has a name, otherwise cut."""
    depth = _named_depth(base, plain['depth'], blocks)
    kept = {key: value for key, value in plain.items() if key not in ('base', 'blocks')}
    if depth is not None:
        return dict(kept, type=base, depth=depth)
    return dict(kept, type='mmkd.DynamicDepthResNet', base=base, blocks=blocks)


def _named_depth(base: str, depth: int, blocks: tuple[int, ...]) -> int | None:
    known = getattr(_class_of(base), 'arch_settings', {})
    kind = known.get(depth, (None,))[0]
    return next((name for name, (block, own) in known.items() if block is kind and own[: len(blocks)] == blocks), None)
