"""Batch norms of their own for nets that share all other weights."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

MODES = ('private', 'shared')


class PrivateNorms(nn.ModuleDict):
    """What the batch norms of a module hold, once more for each of several nets that share its other weights.

    The norms stay in their places: while a net is active, its values and theirs are exchanged. So the module computes
    with its own code, and between two passes its state dict is that of the full net.

    Norms without running statistics, such as GroupNorm, do the same whatever net they belong to, and stay shared.

    Args:
        paths: Paths of the batch norms in the module, by the name of the net.
        module: The module.
        mode: ``'private'``: running statistics, scale and shift; ``'shared'``: running statistics alone, so that no
            statistics mix, but scale and shift are those of the full net.

    Raises:
        ValueError: If the mode is another.
    """

    def __init__(self, paths: Mapping[str, Sequence[str]], module: nn.Module, mode: str = 'private') -> None:
        super().__init__()
        check_mode(mode)
        self.paths = {name: {path.replace('.', '_'): path for path in own} for name, own in paths.items()}
        for name, own in self.paths.items():
            norms = {key: _values_of(module.get_submodule(path), mode) for key, path in own.items()}
            self[name] = nn.ModuleDict(norms)

    @contextmanager
    def active(self, name: str, module: nn.Module) -> Iterator[None]:
        """A context in which the module has the norms of a net; of the full net, and of unknown ones, its own."""
        pairs = self._pairs(name, module)
        for pair in pairs:
            _exchange(*pair)
        try:
            yield
        finally:
            for pair in pairs:
                _exchange(*pair)

    @torch.no_grad()
    def copy_from(self, module: nn.Module) -> None:
        """Start every net with the values of the module's own norms."""
        for name in self:
            for own, private in self._pairs(name, module):
                for key, value in private.state_dict().items():
                    value.copy_(own.state_dict()[key])

    def complete(self, state_dict: dict[str, Any], prefix: str, own_prefix: str) -> None:
        """Add what a checkpoint lacks of these norms, from what it has of the module's own.

        Args:
            state_dict: The checkpoint, which is changed.
            prefix: Where these norms are in it, with the dot at the end.
            own_prefix: Where the module is in it, with the dot at the end or empty.
        """
        for key, value in self._found(state_dict, own_prefix).items():
            state_dict.setdefault(prefix + key, value.clone())

    def start_from(self, state_dict: Mapping[str, Any], prefix: str) -> None:
        """Start every net with the values of the module's norms in a checkpoint, as far as it has them."""
        own = self.state_dict()
        for key, value in self._found(state_dict, prefix).items():
            if value.shape == own[key].shape:
                own[key].copy_(value)

    def equal(self, module: nn.Module) -> bool:
        """Whether some net has the very values of the module's own norms, so that it was never trained."""
        return any(self._equal(name, module) for name in self)

    def _equal(self, name: str, module: nn.Module) -> bool:
        pairs = [(own.state_dict(), private.state_dict()) for own, private in self._pairs(name, module)]
        return all(torch.equal(own[key], value) for own, private in pairs for key, value in private.items())

    def deployed(self, name: str) -> dict[str, Tensor]:
        """The values of a net by the keys that the module's own norms have."""
        own = self.state_dict()
        return {source: own[key] for key, source in self._sources().items() if key.startswith(f'{name}.')}

    def _found(self, state_dict: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        """What a checkpoint has of the module's own norms, by the keys that every net has for it."""
        return {
            key: state_dict[prefix + source]
            for key, source in self._sources().items()
            if prefix + source in state_dict
        }

    def _sources(self) -> dict[str, str]:
        return {
            f'{name}.{key}.{value}': f'{path}.{value}'
            for name, own in self.paths.items()
            for key, path in own.items()
            for value in self[name][key].state_dict()
        }

    def _pairs(self, name: str, module: nn.Module) -> list[tuple[nn.Module, nn.Module]]:
        # Looked up anew each time: the runner may have exchanged modules (SyncBN) since.
        return [(module.get_submodule(path), self[name][key]) for key, path in self.paths.get(name, {}).items()]


def batch_norms(module: nn.Module) -> list[str]:
    """Paths of the batch norms of a module that keep running statistics."""
    return [
        path
        for path, child in module.named_modules()
        if isinstance(child, _BatchNorm) and child.track_running_stats
    ]


def check_mode(mode: str) -> None:
    """Raise a ``ValueError`` unless a mode of the norms is known."""
    if mode not in MODES:
        raise ValueError(f"norm={mode!r} was given, but it must be 'private' or 'shared': choose one.")


def _values_of(norm: nn.Module, mode: str) -> nn.Module:
    kept = type(norm)(norm.num_features, norm.eps, norm.momentum, affine=norm.affine and mode == 'private')
    kept.load_state_dict({key: value for key, value in norm.state_dict().items() if key in kept.state_dict()})
    for name, parameter in kept.named_parameters():
        parameter.requires_grad = getattr(norm, name).requires_grad
    return kept.train(norm.training)


def _exchange(own: nn.Module, private: nn.Module) -> None:
    # FSDP keeps what it has gathered as plain attributes.
    names = ('_buffers', '_parameters', 'weight', 'bias') if private.affine else ('_buffers',)
    held = [{name: vars(module).pop(name) for name in names if name in vars(module)} for module in (own, private)]
    vars(own).update(held[1])
    vars(private).update(held[0])
