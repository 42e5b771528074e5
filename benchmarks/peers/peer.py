"""A method in two forms, ours and the plain one, and what both are given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

Form = Callable[..., Tensor]


@dataclass
class Peer:
    """One comparison.

    Args:
        name: How tables call it.
        size: What it is given, in words.
        ours: The form of mmkd: inputs to a scalar.
        plain: The plain formulation of the same scalar. Of two modules, the parameters correspond one by one.
        inputs: Tensors, lists of them or plain values that both take. Those that require a gradient are compared by it.
        tolerance: Largest difference of the values, relative; of the gradients, relative to the largest entry.
    """

    name: str
    size: str
    ours: Form
    plain: Form
    inputs: Sequence[Any]
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        if isinstance(self.ours, nn.Module) and isinstance(self.plain, nn.Module):
            copy_weights(self.plain, self.ours)


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy parameters in the order in which the modules hold them.

    Raises:
        ValueError: If their shapes do not correspond.
    """
    pairs = list(zip(source.parameters(), target.parameters(), strict=True))
    for number, (own, other) in enumerate(pairs):
        if own.shape != other.shape:
            raise ValueError(
                f'Parameter {number} has the shape {tuple(own.shape)} in one module and {tuple(other.shape)} in the '
                'other: register them in the same order.'
            )
        other.data.copy_(own.data)


def leaves(form: Form, inputs: Sequence[Any]) -> Iterator[Tensor]:
    """All that gets a gradient: parameters of the form, then inputs that ask for one."""
    yield from form.parameters() if isinstance(form, nn.Module) else ()
    yield from (leaf for leaf in tree_leaves(list(inputs)) if isinstance(leaf, Tensor) and leaf.requires_grad)


def step(form: Form, inputs: Sequence[Any]) -> Tensor:
    """Forward and backward; the value."""
    value = form(*inputs)
    value.backward()
    return value.detach()


def clear(form: Form, inputs: Sequence[Any]) -> None:
    """Drop the gradients of the last step."""
    for leaf in leaves(form, inputs):
        leaf.grad = None


def value_and_gradients(form: Form, inputs: Sequence[Any]) -> tuple[Tensor, list[Tensor]]:
    """The value of a form, and all its gradients."""
    clear(form, inputs)
    value = step(form, inputs)
    gradients = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad.clone() for leaf in leaves(form, inputs)]
    clear(form, inputs)
    return value, gradients


def differences(peer: Peer) -> tuple[float, float]:
    """The relative difference of the values, and the largest one of the gradients relative to their largest entry.

    The gradients of a module's parameters count together: one that is zero but for rounding has no scale of its own.
    """
    (own, own_gradients), (other, other_gradients) = (
        value_and_gradients(form, peer.inputs) for form in (peer.ours, peer.plain)
    )
    value = (own - other).abs() / other.abs().clamp(min=torch.finfo(torch.float32).tiny)
    largest = max(gradient.abs().max() for gradient in other_gradients)
    gradient = max((a - b).abs().max() for a, b in zip(own_gradients, other_gradients, strict=True)) / largest
    return value.item(), gradient.item()
