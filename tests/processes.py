"""Run a function in two processes that talk to each other, as distributed training does on a CPU."""

from datetime import timedelta

import torch
import torch.distributed as dist
import torch.multiprocessing

WORLD_SIZE = 2


def run_in_two(function, folder, *arguments):
    """Return what ``function(rank, *arguments)``, found by its name in a module, returns in either process.

    Processes that wait for each other give up after five minutes.
    """
    torch.multiprocessing.spawn(_run, (function, str(folder), arguments), nprocs=WORLD_SIZE)
    return [torch.load(folder / f'{rank}.pt', weights_only=False) for rank in range(WORLD_SIZE)]


def mean(first, second):
    """What DistributedDataParallel makes of a value or a gradient of either process."""
    return (first + second) / WORLD_SIZE


def _run(rank, function, folder, arguments):
    torch.set_num_threads(1)
    dist.init_process_group(
        'gloo', f'file://{folder}/store', timedelta(minutes=5), world_size=WORLD_SIZE, rank=rank
    )
    torch.save(function(rank, *arguments), f'{folder}/{rank}.pt')
    dist.destroy_process_group()
