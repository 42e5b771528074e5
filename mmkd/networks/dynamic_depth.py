"""A backbone that also runs, by the same weights, with fewer blocks per stage."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from mmengine.registry import MODELS
from torch import Tensor, nn

from mmkd.mixin import Mixin, mixed_class

from .private_norms import PrivateNorms, batch_norms, check_mode
from .stage_blocks import block_ends, blocks_per_stage, check_blocks

FULL = 'full'


class DynamicDepth(Mixin):
    """What a backbone of dynamic depth does differently from the plain one, before whose class it is mixed in.

    Attributes:
        subnets: Blocks per stage of every sub-net, by name.
        subnet: The net that a forward pass computes, ``'full'`` or a sub-net.
        norm: Whether the sub-nets have batch norms of their own (``'private'``), or their running statistics alone
            (``'shared'``).
        private_norms: What the batch norms of the sub-nets hold.
    """

    subnets: dict[str, tuple[int, ...]]
    subnet: str
    norm: str
    private_norms: PrivateNorms

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the plain backbone computes, by the blocks and norms of the chosen net."""
        with ExitStack() as stack:
            if self.subnet != FULL:
                stack.enter_context(self._first_blocks(self.subnets[self.subnet]))
                stack.enter_context(self.private_norms.active(self.subnet, self))
            return super().forward(*args, **kwargs)

    def set_subnet(self, name: str) -> None:
        """Choose the net of the next forward passes, ``'full'`` or a sub-net.

        Raises:
            KeyError: If there is no such net.
        """
        self.check_name(name)
        self.subnet = name

    @contextmanager
    def as_subnet(self, name: str) -> Iterator[None]:
        """A context whose forward passes compute a net; the one that was chosen before comes back."""
        before = self.subnet
        self.set_subnet(name)
        try:
            yield
        finally:
            self.subnet = before

    def check_name(self, name: str) -> None:
        """Raise a ``KeyError`` unless there is a net of this name."""
        if name not in (FULL, *self.subnets):
            raise KeyError(
                f'The net {name!r} was asked for, but the backbone has {[FULL, *self.subnets]}: choose one of these.'
            )

    def to_static(self, name: str = FULL) -> nn.Module:
        """A plain backbone that computes the same as a net, with copies of its weights and its mode."""
        static = MODELS.build(self.plain_config(name))
        static.load_state_dict({key: value.clone() for key, value in self.plain_state(name).items()})
        static.to(next(self.parameters()).device)
        static.train(self.training)
        return static

    def plain_config(self, name: str = FULL) -> dict[str, Any]:
        """The config of the plain backbone that computes the same as a net."""
        self.check_name(name)
        config = copy.deepcopy(self._plain_config)
        if name == FULL:
            return config
        if (config.get('init_cfg') or {}).get('type') == 'Pretrained':
            # these weights are those of the full net
            config.pop('init_cfg')
        config.pop('pretrained', None)
        return self._shallower(config, self.subnets[name])

    def plain_state(self, name: str = FULL) -> dict[str, Tensor]:
        """The state dict of the plain backbone that computes the same as a net."""
        self.check_name(name)
        own = {key: value for key, value in self.state_dict().items() if not key.startswith('private_norms.')}
        if name == FULL:
            return own
        left_out = tuple(f'{path}.' for path in self._left_out(self.subnets[name]))
        kept = {key: value for key, value in own.items() if not key.startswith(left_out)} if left_out else own
        return {**kept, **self.private_norms.deployed(name)}

    def train(self, mode: bool = True) -> 'DynamicDepth':
        """Set the mode as the plain backbone does, and return the module, which not every toolbox does."""
        super().train(mode)
        return self

    def init_weights(self) -> None:
        """Initialise as the plain backbone; all nets start with the same norms, unless a checkpoint says otherwise."""
        super().init_weights()
        if not (isinstance(self.init_cfg, dict) and self.init_cfg.get('type') == 'Pretrained'):
            self.private_norms.copy_from(self)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # A plain checkpoint is that of the full net.
        self.private_norms.complete(state_dict, f'{prefix}private_norms.', prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @contextmanager
    def _first_blocks(self, blocks: tuple[int, ...]) -> Iterator[None]:
        stages = [getattr(self, name) for name in self.res_layers]
        children = [stage._modules for stage in stages]
        try:
            for stage, count in zip(stages, blocks, strict=True):
                stage._modules = dict(list(stage._modules.items())[: block_ends(stage)[count - 1]])
            yield
        finally:
            for stage, own in zip(stages, children, strict=True):
                stage._modules = own

    def _left_out(self, blocks: tuple[int, ...]) -> list[str]:
        """Paths of the children of stages that a net with these blocks does without."""
        stages = {name: getattr(self, name) for name in self.res_layers}
        return [
            f'{name}.{child}'
            for (name, stage), count in zip(stages.items(), blocks, strict=True)
            for child in list(stage._modules)[block_ends(stage)[count - 1] :]
        ]


def add_subnets(
    backbone: nn.Module,
    subnets: Mapping[str, Sequence[int]],
    norm: str,
    plain_config: dict[str, Any],
    shallower: Any,
) -> nn.Module:
    """Let a plain backbone also run with fewer blocks.

    Args:
        backbone: A backbone whose ``res_layers`` names stages that are sequences of blocks.
        subnets: Blocks per stage of every sub-net, by name.
        norm: ``'private'`` or ``'shared'``, see :class:`DynamicDepth`.
        plain_config: The config that the backbone was built of.
        shallower: Makes of this config that of a backbone with other blocks per stage.

    Returns:
        The same object.

    Raises:
        ValueError: If a sub-net, its name or ``norm`` is not legal, or the backbone keeps its running statistics or
            recomputes activations, which is wrong for nets of several depths.
    """
    check_mode(norm)
    subnets = {name: tuple(blocks) for name, blocks in subnets.items()}
    full = blocks_per_stage(backbone)
    for name, blocks in subnets.items():
        _check_subnet_name(name)
        check_blocks(f'The sub-net {name!r}', blocks, full)
    _check_backbone(backbone)
    backbone.__class__ = mixed_class(DynamicDepth, type(backbone))
    backbone.subnets, backbone.subnet, backbone.norm = subnets, FULL, norm
    backbone._plain_config, backbone._shallower = plain_config, shallower
    paths = {name: _kept(batch_norms(backbone), backbone._left_out(blocks)) for name, blocks in subnets.items()}
    backbone.private_norms = PrivateNorms(paths, backbone, norm)
    return backbone


def keep_blocks(backbone: nn.Module, blocks: Sequence[int]) -> None:
    """Drop all but the first blocks of every stage for good.

    Raises:
        ValueError: If there are fewer.
    """
    check_blocks('The backbone', tuple(blocks), blocks_per_stage(backbone))
    for name, count in zip(backbone.res_layers, blocks, strict=True):
        stage = getattr(backbone, name)
        del stage[block_ends(stage)[count - 1] :]


def _kept(paths: Sequence[str], left_out: Sequence[str]) -> list[str]:
    return [path for path in paths if not any(f'{path}.'.startswith(f'{part}.') for part in left_out)]


def _check_subnet_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or name == FULL:
        raise ValueError(
            f'A sub-net has the name {name!r}, but losses and metrics bear it: choose a word of letters, digits and '
            f'underscores other than {FULL!r}.'
        )


def _check_backbone(backbone: nn.Module) -> None:
    pretrained = isinstance(backbone.init_cfg, dict) and backbone.init_cfg.get('type') == 'Pretrained'
    if getattr(backbone, 'norm_eval', False) and not pretrained:
        raise ValueError(
            'norm_eval=True keeps the running statistics of the batch norms, but those of the sub-nets were never '
            'trained: set norm_eval=False, or init_cfg to the checkpoint of a trained network of dynamic depth.'
        )
    if getattr(backbone, 'with_cp', False):
        raise ValueError(
            'with_cp=True computes blocks again during the backward pass, when the backbone is another net already: '
            'set with_cp=False, and lean=True in mmkd.EKD to save memory.'
        )
