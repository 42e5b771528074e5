"""Memory that terms take, relative to the matrix or the map that they are about."""

from functools import partial

import torch

from benchmarks.peers.cases import CASES
from benchmarks.peers.measure import memory
from benchmarks.peers.peer import step
from benchmarks.targets.target import Target
from mmkd.losses import AttentionMapLoss
from mmkd.profiling.memory import saved_bytes


def relations() -> Target:
    """Peak of the pair-wise similarities of 4096 positions, relative to the plain formulation."""
    peer = CASES['pair-wise similarity']()
    own, plain = memory(peer.ours, peer.inputs)[0], memory(peer.plain, peer.inputs)[0]
    details = f'{peer.size}: {own / 1e6:.2f} MB, {plain / 1e6:.0f} MB'
    name = 'peak memory of the relations of 4096 positions, relative to the plain form'
    return Target(name, 0.01, own / plain, details)


def attention(channels: int) -> Target:
    """What an attention loss keeps of a bfloat16 map for backward beyond the map itself, relative to it."""
    shape = (8, channels, 32, 32)
    student = torch.randn(shape, dtype=torch.bfloat16, requires_grad=True)
    teacher = torch.randn(shape, dtype=torch.bfloat16)
    loss = AttentionMapLoss()
    kept = saved_bytes(partial(step, loss, (student, teacher)), loss)
    size = student.nbytes
    details = f'maps {shape}: {(kept - size) / 1e3:.0f} kB, {size / 1e6:.1f} MB'
    name = f'what an attention loss keeps beyond a bfloat16 map of {channels} channels, relative to the map'
    return Target(name, 0.02, (kept - size) / size, details)
