"""Draw some things of every class."""

import torch
from mmengine.dist import get_rank
from mmengine.logging import MessageHub
from torch import Tensor

SPREAD = 1_000_003
"""A prime that keeps the seeds of neighbouring iterations of different runs apart."""


def balanced_sample(labels: Tensor, limit: int, generator: torch.Generator) -> Tensor:
    """Draw indices without replacement, as many of each class as possible.

    Classes are served in turns until ``limit`` things are drawn: a rare class gives all it has, and every class at
    least one, as long as there are no more classes than ``limit``.

    Args:
        labels: Classes (M,).
        limit: How many are drawn; all if there are no more.
        generator: Of the CPU, so that the draw is the same on every device.

    Returns:
        Ascending indices (min(M, limit),).
    """
    count = len(labels)
    if count <= limit:
        return torch.arange(count, device=labels.device)
    shuffled = torch.randperm(count, generator=generator).to(labels.device)
    by_class = labels[shuffled].argsort(stable=True)
    sizes = labels[shuffled][by_class].unique_consecutive(return_counts=True)[1]
    starts = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    turn = torch.empty_like(by_class)
    turn[by_class] = torch.arange(count, device=labels.device) - starts
    return shuffled[turn.argsort(stable=True)[:limit]].sort().values


def represented(labels: Tensor, drawn: Tensor) -> Tensor:
    """How many things of its class each drawn one stands for, so that a weighted mean of them is one over all.

    Args:
        labels: Classes (M,) of all things.
        drawn: Indices (m,) of those that were drawn, at least one per class.

    Returns:
        Weights (m,) in float32: number of things over number of drawn things, by class.
    """
    classes, index = labels.unique(return_inverse=True)
    present = index.bincount(minlength=len(classes)).float()
    kept = index[drawn].bincount(minlength=len(classes)).float()
    return (present / kept.clamp(min=1))[index[drawn]]


def generator_of_step(process: int | None = None) -> torch.Generator:
    """A generator that follows from seed, iteration and process alone.

    A resumed run draws the same as a straight one, and nothing else in the training draws other numbers for it.

    Args:
        process: Whose generator, by default that of the present process.
    """
    iteration = MessageHub.get_current_instance().get_info('iter', 0)
    process = get_rank() if process is None else process
    seed = (torch.initial_seed() * SPREAD + iteration * 8191 + process) % 2**63
    return torch.Generator().manual_seed(seed)
