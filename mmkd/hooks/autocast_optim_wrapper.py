"""Mixed precision where mmengine's wrapper asks for a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmkd.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """An optimizer wrapper that trains under bfloat16 autocast on a CPU.

    bfloat16 has the range of float32, so that no loss scaling is needed. On a GPU mmengine's ``AmpOptimWrapper`` is the
    right one.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The context of one forward pass."""
        with super().optim_context(model), torch.autocast('cpu', torch.bfloat16):
            yield
