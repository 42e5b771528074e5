"""The nets of a model whose backbone has dynamic depth, as wholes."""

from contextlib import AbstractContextManager

from mmengine.logging import print_log
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


def complete(model: nn.Module, weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights of a checkpoint with what loading them adds: the sub-nets' norms, if it is one of a plain student.

    The log says so, because the metrics of such sub-nets tell nothing of a training.

    Args:
        model: Any model; weights of one without sub-nets stay as they are.
        weights: The state dict of the checkpoint, which is not changed.
        name: What the checkpoint is called in the log.
    """
    if not net_names(model):
        return weights
    completed = dict(weights)
    model.backbone.private_norms.complete(completed, 'backbone.private_norms.', 'backbone.')
    if len(completed) > len(weights):
        print_log(
            f'{name!r} has no norms of the sub-nets {list(model.backbone.subnets)}: theirs are copies of those of the '
            'full net, and only the metrics of the full net are those of a trained one.',
            logger='current',
        )
    return completed


def _ekd_of(model: nn.Module) -> EKD | None:
    """The method that keeps the norms of the sub-nets beyond the backbone."""
    distill = getattr(model, 'distill', None)
    methods = distill.methods.values() if distill is not None else []
    return next((method for method in methods if isinstance(method, EKD)), None)
