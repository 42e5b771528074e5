"""Propagate losses back as soon as they are computed, so that their activations need not be kept."""

from typing import Any

import torch
from torch import Tensor, nn


class CollectedGradients:
    """Gradients of losses that were propagated back during the forward pass.

    A training loop sums the losses of a step and propagates the sum back once, which keeps the activations of all of
    them until then. Here every loss gives its gradients at once and its activations go; at the end one loss of value 0,
    the carrier, hands the collected gradients to the loop's own backward pass. So loss scaling, accumulation of
    gradients and distributed training do what they do without.

    Args:
        student: Whose parameters are trained.
    """

    def __init__(self, student: nn.Module) -> None:
        self.student = student
        self.gradients: dict[nn.Parameter, Tensor] = {}

    def collect(self, losses: dict[str, Any]) -> dict[str, Any]:
        """Propagate back the sum that mmengine would make of losses; returns their values, without a graph."""
        total = self.student.parse_losses(losses)[0]
        if total.requires_grad:
            parameters = [parameter for parameter in self.student.parameters() if parameter.requires_grad]
            found = torch.autograd.grad(total * _scale(), parameters, allow_unused=True)
            for parameter, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    self._add(parameter, gradient.div_(_scale()) if _scale() != 1 else gradient)
        return {key: _detached(value) for key, value in losses.items()}

    def carrier(self) -> Tensor:
        """A loss of value 0 whose gradients are the collected ones, which it takes along."""
        gradients, self.gradients = self.gradients, {}
        return _Carrier.apply(list(gradients.values()), *gradients)

    def _add(self, parameter: nn.Parameter, gradient: Tensor) -> None:
        known = self.gradients.get(parameter)
        self.gradients[parameter] = gradient if known is None else known.add_(gradient)


class _Carrier(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradients: list[Tensor], *parameters: nn.Parameter) -> Tensor:
        ctx.gradients = gradients
        return parameters[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(gradient.mul_(outer) for gradient in ctx.gradients)


def _scale() -> float:
    # What the loop's own loss scaling is for: gradients of activations in half precision would be rounded to 0.
    return 2.0**12 if torch.is_autocast_enabled() and torch.get_autocast_gpu_dtype() is torch.float16 else 1.0


def _detached(value: Any) -> Any:
    return [level.detach() for level in value] if isinstance(value, list | tuple) else value.detach()
