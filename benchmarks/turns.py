"""Two things that take turns, so that other load on the machine slows down both alike."""

import time
from collections.abc import Callable
from typing import Any


def cpu_seconds(call: Callable[[], Any]) -> float:
    """CPU time of a call: that of the process and not that on the wall, so that other work counts less."""
    start = time.process_time()
    call()
    return time.process_time() - start


def in_turns(own: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """The CPU seconds of two calls in every round, of which another one begins each time."""
    calls = (own, other)
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for index in (0, 1) if number % 2 else (1, 0):
            seconds[index].append(cpu_seconds(calls[index]))
    return seconds
