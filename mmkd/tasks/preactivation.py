"""Where a residual backbone can be read before its stages' last activation."""

from collections.abc import Sequence

from torch import nn


def preactivation_taps(backbone: nn.Module, stages: Sequence[int] | None = None) -> dict[str, list[str]]:
    """Taps of the maps that the last ReLU of every stage is given, as ``dict(preactivation=[…])``.

    A residual block rectifies the sum of its two branches last, by the same ReLU that it uses inside: a tap keeps the
    last call.

    Args:
        backbone: A backbone whose ``res_layers`` names its stages, as in the ResNets of all three toolboxes.
        stages: Indices of the stages; None means all of them.

    Returns:
        An empty dict if the backbone has no such ReLU.
    """
    names = list(getattr(backbone, 'res_layers', []))
    chosen = names if stages is None else [names[index] for index in stages if index < len(names)]
    taps = [_last_relu(getattr(backbone, name), f'backbone.{name}') for name in chosen]
    return dict(preactivation=[f'{tap}:input[0]' for tap in taps]) if taps and all(taps) else {}


def _last_relu(module: nn.Module, path: str) -> str | None:
    if isinstance(module, nn.ReLU):
        return path
    if isinstance(module, nn.Sequential) and len(module):
        name, last = list(module.named_children())[-1]
        return _last_relu(last, f'{path}.{name}')
    return f'{path}.relu' if isinstance(getattr(module, 'relu', None), nn.ReLU) else None
