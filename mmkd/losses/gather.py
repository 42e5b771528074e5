"""Rows of features of all processes, for losses that relate rows with each other."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from .weighted import WeightedLoss


class JointRows:
    r"""The rows of the joint batch of all processes, as one process sees them: first all rows of process 0, and so on.

    A loss that compares its own :math:`M_r` rows with the :math:`M = \sum_r M_r` rows of all :math:`W` processes, and
    whose value is :math:`W / M` times the sum over its own rows, has the loss of the joint batch as its mean over the
    processes. So have the gradients: the backward pass of :meth:`gather` brings home what other processes found for
    the rows of this one, and DistributedDataParallel takes the mean.

    **All processes must take the same path**, one without a row included: every process constructs this object and
    calls the same methods in the same order, and runs the backward pass through what it gathered.

    Without ``gather``, and with a single process, these are the rows at hand and nothing is communicated.

    Args:
        rows: Tensor (M_r, *); only its number of rows and its device are looked at.
        gather: Whether the rows of all processes count.

    Attributes:
        counts: Number of rows of each process, or the one number at hand.
        total: Number of rows of the joint batch, M.
        offset: Index that the first own row has among them.
        divisor: What a sum over own rows is divided by, M / W, so that the mean of all processes is the mean of all
            rows, also where the numbers of rows differ.
    """

    def __init__(self, rows: Tensor, gather: bool) -> None:
        rank = 0
        self.counts = [rows.shape[0]]
        if gather and several_processes():
            rank = dist.get_rank()
            self.counts = _gather_counts(rows)
        self.total = sum(self.counts)
        self.offset = sum(self.counts[:rank])
        self.divisor = self.total / len(self.counts)

    def gather(self, rows: Tensor) -> Tensor:
        """Return the rows (M, *) of all processes; the gradient of each reaches its owner.

        Args:
            rows: Own rows (M_r, *), connected to the graph in every process or in none.
        """
        if len(self.counts) == 1:
            return rows
        from torch.distributed.nn.functional import all_gather  # absent where torch is built without distributed

        return self._joined(all_gather(self._padded(rows)))

    def gather_constant(self, rows: Tensor) -> Tensor:
        """Return the rows (M, *) of all processes without a gradient: labels, or what a frozen teacher knows."""
        if len(self.counts) == 1:
            return rows.detach()
        padded = self._padded(rows.detach())
        parts = [torch.empty_like(padded) for _ in self.counts]
        dist.all_gather(parts, padded)
        return self._joined(parts)

    def _padded(self, rows: Tensor) -> Tensor:
        missing = max(self.counts) - rows.shape[0]
        return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows.contiguous()

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat([part[:count] for part, count in zip(parts, self.counts, strict=True)])


class RelationLoss(WeightedLoss):
    """A loss on relations between rows, those of the process at hand or those of all processes.

    Args:
        gather: Whether the rows of all processes count, see :class:`JointRows`.
        loss_weight: Multiplies the value.
        arguments: What else the loss is made with, by name, already checked.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, gather: bool, loss_weight: float, **arguments: Any) -> None:
        super().__init__(loss_weight, **arguments)
        self.gather = gather
        self._names = (*self._names, 'gather')


def several_processes() -> bool:
    """Return whether training runs in more than one process."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _gather_counts(rows: Tensor) -> list[int]:
    own = torch.tensor([rows.shape[0]], device=rows.device)
    counts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(counts, own)
    return torch.cat(counts).tolist()
