"""Time and memory of the two forms of a comparison."""

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from benchmarks.peers.peer import Form, Peer, clear, differences, step
from benchmarks.turns import cpu_seconds, in_turns
from mmkd.profiling.measure import quartiles
from mmkd.profiling.memory import peak_bytes, saved_bytes

LEAST_SECONDS = 0.02
"""A form that is faster than this is repeated within a round."""


def exact_differences(tiny: Peer) -> tuple[float, float]:
    """Relative differences of value and gradients in float64, where rounding hides nothing."""
    for form in (tiny.ours, tiny.plain):
        if isinstance(form, nn.Module):
            form.double()
    return differences(Peer(tiny.name, tiny.size, tiny.ours, tiny.plain, tree_map(_double, tiny.inputs)))


def memory(form: Form, inputs: Sequence[Any]) -> tuple[int, int]:
    """The most bytes that a step adds to its inputs, and those that it keeps for backward, inputs among them."""
    run = partial(step, form, inputs)
    run()  # what is made once is no part of a step
    found = []
    own = form if isinstance(form, nn.Module) else nn.Module()
    for count in (lambda: peak_bytes(run, 'cpu'), lambda: saved_bytes(run, own)):
        clear(form, inputs)
        found.append(count())
    clear(form, inputs)
    return found[0], found[1]


def time_ratio(peer: Peer, rounds: int) -> dict[str, Any]:
    """CPU time of a step of both forms, and the ratio of ours to the plain one within the rounds of both."""
    runs = [partial(_repeat, form, peer.inputs) for form in (peer.ours, peer.plain)]
    repeats = max(1, round(LEAST_SECONDS / max(cpu_seconds(partial(runs[1], 1)), 1e-6)))
    runs[0](1)
    seconds = in_turns(*(partial(run, repeats) for run in runs), rounds)
    ratios = [own / other for own, other in zip(*seconds, strict=True)]
    own, other = (1000 * statistics.median(times) / repeats for times in seconds)
    return dict(ours_ms=own, plain_ms=other, time_ratio=statistics.median(ratios), time_ratio_spread=quartiles(ratios))


def compare(peer: Peer, tiny: Peer | None, rounds: int) -> dict[str, Any]:
    """A row of the table.

    Args:
        peer: What is measured.
        tiny: The same at a size at which values and gradients are compared in float64; None: they are not.
        rounds: How often each form is timed; 0: not at all.
    """
    value, gradient = exact_differences(tiny) if tiny else (None, None)
    row = dict(name=peer.name, size=peer.size, value_difference=value, gradient_difference=gradient)
    for form in ('ours', 'plain'):
        peak, saved = memory(getattr(peer, form), peer.inputs)
        row |= {f'{form}_peak_bytes': peak, f'{form}_saved_bytes': saved}
    for kind in ('peak', 'saved'):
        row[f'{kind}_ratio'] = row[f'ours_{kind}_bytes'] / max(row[f'plain_{kind}_bytes'], 1)
    return row | (time_ratio(peer, rounds) if rounds else {})


def _double(leaf: Any) -> Any:
    if isinstance(leaf, Tensor) and leaf.is_floating_point():
        return leaf.detach().double().requires_grad_(leaf.requires_grad)
    return leaf


def _repeat(form: Form, inputs: Sequence[Any], times: int) -> None:
    for _ in range(times):
        clear(form, inputs)
        step(form, inputs)
