"""Run a function or command lines in two processes that talk to each other, as distributed training does on a CPU."""

import os
import socket
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


def run_tools_in_two(folder, *commands):
    """Run command lines with ``--launcher pytorch`` one after the other in two processes, as torchrun starts them.

    Returns what each of them printed in the first process.
    """
    (folder / 'ports').unlink(missing_ok=True)
    torch.multiprocessing.spawn(_run_tools, (str(folder), commands), nprocs=WORLD_SIZE)
    return torch.load(folder / 'printed.pt')


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


def _run_tools(rank, folder, commands):
    from tests.runs import run_tool_here

    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(WORLD_SIZE), MASTER_ADDR='127.0.0.1')
    os.environ['MMKD_TRACEBACK'] = '1'
    ports = dist.FileStore(f'{folder}/ports', WORLD_SIZE)
    printed = []
    for number, command in enumerate(commands):
        if rank == 0:
            # Looked for as late as can be: what is free now is given to others in a minute.
            ports.set(str(number), _free_port())
        os.environ['MASTER_PORT'] = ports.get(str(number)).decode()
        printed.append(run_tool_here(*command))
    if rank == 0:
        torch.save(printed, f'{folder}/printed.pt')


def _free_port():
    with socket.create_server(('127.0.0.1', 0)) as server:
        return str(server.getsockname()[1])
