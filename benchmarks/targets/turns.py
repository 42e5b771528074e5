"""Two things that take turns, so that other load on the machine slows down both alike."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def median_ratio(own: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """The median ratio of the CPU times of two calls within a round, and the median seconds of both.

    Args:
        own: Numerator.
        other: Denominator.
        rounds: How often each is called, after one call that does not count.
    """
    calls = (own, other)
    for call in calls:
        call()
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for index in (0, 1) if number % 2 else (1, 0):
            start = time.process_time()
            calls[index]()
            seconds[index].append(time.process_time() - start)
    ratios = [first / second for first, second in zip(*seconds, strict=True)]
    return statistics.median(ratios), statistics.median(seconds[0]), statistics.median(seconds[1])
