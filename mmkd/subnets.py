"""The nets of a model whose backbone has dynamic depth, as wholes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from mmkd.methods.ekd import EKD
from mmkd.networks.dynamic_depth import FULL, DynamicDepth
from mmkd.networks.private_norms import PrivateNorms


def net_names(model: nn.Module) -> list[str]:
    """``'full'`` and the names of the sub-nets, nothing for a model without sub-nets."""
    backbone = getattr(model, 'backbone', None)
    return [FULL, *backbone.subnets] if isinstance(backbone, DynamicDepth) else []


@contextmanager
def as_net(model: nn.Module, name: str) -> Iterator[None]:
    """A context in which a model is one of its nets: fewer blocks, and that net's batch norms in all parts.

    Raises:
        KeyError: If the backbone has no such net.
    """
    with ExitStack() as stack:
        stack.enter_context(model.backbone.as_subnet(name))
        for norms in _norms_beyond_backbone(model):
            stack.enter_context(norms.active(name, model))
        yield


def plain_state(model: nn.Module, name: str) -> dict[str, Tensor]:
    """The state dict of the plain model that computes the same as a net.

    Raises:
        KeyError: If the backbone has no such net.
    """
    state = {f'backbone.{key}': value for key, value in model.backbone.plain_state(name).items()}
    state |= {key: value for key, value in model.state_dict().items() if not key.startswith(('backbone.', 'distill.'))}
    for norms in _norms_beyond_backbone(model) if name != FULL else []:
        state |= norms.deployed(name)
    return state


def _norms_beyond_backbone(model: nn.Module) -> list[PrivateNorms]:
    distill = getattr(model, 'distill', None)
    methods = distill.methods.values() if distill is not None else []
    return [method.norms for method in methods if isinstance(method, EKD)]
