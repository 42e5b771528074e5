"""Measure subjects side by side."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

from mmkd.engine.checkpoint import PREFIX
from mmkd.profiling.memory import peak_bytes, resident_bytes, saved_bytes
from mmkd.profiling.subject import Subject

WARM_UP = 2
QUANTITIES = ('step_ms', 'peak_bytes', 'saved_bytes', 'macs', 'trained_parameters', 'deployed_parameters')

Row = dict[str, Any]


def measure(
    subjects: Sequence[Subject], rounds: int, device: str, say: Callable[[str], None] = lambda line: None
) -> list[Row]:
    """The cost of one training step of every subject, the first of which is the standard.

    All but the time is counted, not sampled, and comes out the same each time on the same machine.

    Args:
        subjects: Ready models.
        rounds: How often each is timed.
        device: ``'cpu'`` or ``'cuda'``.
        say: Takes a line of progress now and then.

    Returns:
        Per subject ``name``, ``step_ms`` (median), ``peak_bytes`` (held between steps, and the most that a step adds),
        ``resident_bytes`` (held between steps), ``saved_bytes`` (kept for backward), ``macs`` (multiply-accumulates of
        forward and backward), ``trained_parameters``, ``deployed_parameters``, ``losses``, ``terms_off``, ``ratios`` to
        the first subject by quantity, and ``step_ms_spread``, the quartiles of the ratio of step times.
    """
    rows = []
    for subject in subjects:
        say(f'{subject.name}: counting memory and operations')
        rows.append(count(subject, device))
    times = time_interleaved(subjects, rounds, device, say)
    for row, seconds in zip(rows, times, strict=True):
        ratios = [own / standard for own, standard in zip(seconds, times[0], strict=True)]
        row['step_ms'] = 1000 * statistics.median(seconds)
        row['ratios'] = {key: _ratio(row[key], rows[0][key]) for key in QUANTITIES}
        # Other load slows down all steps of a round alike, so that it leaves the ratio within a round.
        row['ratios']['step_ms'] = statistics.median(ratios)
        row['step_ms_spread'] = quartiles(ratios)
    return rows


def count(subject: Subject, device: str) -> Row:
    """All but the time, see :func:`measure`."""
    for _ in range(WARM_UP):
        losses = subject.ready()()
    resident = resident_bytes(subject.model, subject.optim_wrapper)
    return {
        'name': subject.name,
        'peak_bytes': resident + peak_bytes(subject.ready(), device),
        'resident_bytes': resident,
        'saved_bytes': saved_bytes(subject.ready(), subject.model),
        'macs': multiply_accumulates(subject.ready()),
        **parameters(subject.model),
        'losses': [key for key in losses if 'loss' in key and key != 'loss'],
        'terms_off': subject.terms_off(),
    }


def parameters(model: nn.Module) -> dict[str, int]:
    """Numbers of parameters that are trained, training-only parts included, and that are deployed."""
    named = list(model.named_parameters())
    return {
        'trained_parameters': sum(parameter.numel() for _, parameter in named if parameter.requires_grad),
        'deployed_parameters': sum(parameter.numel() for name, parameter in named if not name.startswith(PREFIX)),
    }


def multiply_accumulates(step: Callable[[], Any]) -> int:
    """Multiply-accumulates of convolutions and matrix products, forward and backward; other operations are left out."""
    # torch's own formula takes the gradient of a grouped convolution's weights for that of a full one.
    mapping = {torch.ops.aten.convolution_backward: _convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        step()
    return counter.get_total_flops() // 2


def time_interleaved(
    subjects: Sequence[Subject], rounds: int, device: str, say: Callable[[str], None] = lambda line: None
) -> list[list[float]]:
    """Seconds per step, by subject and round; in every round each subject takes one step, and another one begins."""
    seconds: list[list[float]] = [[] for _ in subjects]
    said = time.monotonic()
    for number in range(rounds):
        for position in range(len(subjects)):
            index = (number + position) % len(subjects)
            seconds[index].append(_time(subjects[index].ready(), device))
        if time.monotonic() - said > 10:
            said = time.monotonic()
            say(f'timed {number + 1} of {rounds} rounds')
    return seconds


def quartiles(values: Sequence[float]) -> list[float]:
    """First and third quartile; the value itself twice if there is one."""
    if len(values) == 1:
        return [values[0], values[0]]
    first, _, third = statistics.quantiles(values, n=4, method='inclusive')
    return [first, third]


def _convolution_backward(grad_shape: list[int], x_shape: list[int], w_shape: list[int], *args: Any, **out: Any) -> int:
    """The gradients of input and weights take as many operations each as the forward pass."""
    transposed, output_mask = args[4], args[7]
    return sum(output_mask[:2]) * conv_flop_count(x_shape, w_shape, grad_shape, transposed=transposed)


def _time(step: Callable[[], Any], device: str) -> float:
    _wait(device)
    start = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device == 'cuda':
        torch.cuda.synchronize()


def _ratio(value: float, standard: float) -> float | None:
    return value / standard if standard else None
