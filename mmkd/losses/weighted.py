"""What the modules around the losses share."""
from typing import Any

from torch import nn

from .reduce import check_loss_weight


class WeightedLoss(nn.Module):
    """A loss with a weight and arguments, each a plain attribute that may be set anew before every step.

    Args:
        loss_weight: Multiplies the value.
        arguments: What else the loss is made with, by name, already checked.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float, **arguments: Any) -> None:
        super().__init__()
        check_loss_weight(loss_weight)
        self.loss_weight = loss_weight
        self._names = (*arguments, 'loss_weight')
        for name, value in arguments.items():
            setattr(self, name, value)

    def extra_repr(self) -> str:
        """Return the arguments for ``repr``."""
        return ', '.join(f'{name}={getattr(self, name)!r}' for name in self._names)
