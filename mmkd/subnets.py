"""The nets of a model whose backbone has dynamic depth, as wholes."""

from contextlib import AbstractContextManager

from torch import Tensor, nn

from mmkd.methods.ekd import EKD
from mmkd.networks.dynamic_depth import FULL, DynamicDepth


def net_names(model: nn.Module) -> list[str]:
    """``'full'`` and the names of the sub-nets, nothing for a model without sub-nets."""
    backbone = getattr(model, 'backbone', None)
    return [FULL, *backbone.subnets] if isinstance(backbone, DynamicDepth) else []


def as_net(model: nn.Module, name: str) -> AbstractContextManager:
    """A context in which a model is one of its nets: fewer blocks, and that net's batch norms in all parts.

    Raises:
        KeyError: If the backbone has no such net.
    """
    ekd = _ekd_of(model)
    return model.backbone.as_subnet(name) if ekd is None else ekd.as_subnet(model, name)


def plain_state(model: nn.Module, name: str) -> dict[str, Tensor]:
    """The state dict of the plain model that computes the same as a net.

    Raises:
        KeyError: If the backbone has no such net.
    """
    state = {f'backbone.{key}': value for key, value in model.backbone.plain_state(name).items()}
    state |= {key: value for key, value in model.state_dict().items() if not key.startswith(('backbone.', 'distill.'))}
    ekd = _ekd_of(model)
    return state if ekd is None or name == FULL else {**state, **ekd.norms.deployed(name)}


def _ekd_of(model: nn.Module) -> EKD | None:
    """The method that keeps the norms of the sub-nets beyond the backbone."""
    distill = getattr(model, 'distill', None)
    methods = distill.methods.values() if distill is not None else []
    return next((method for method in methods if isinstance(method, EKD)), None)
