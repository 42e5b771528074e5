"""The ratio of two times."""

import statistics
from collections.abc import Callable
from typing import Any

from benchmarks.turns import in_turns


def median_ratio(own: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """The median ratio of the CPU times of two calls within a round, and the median seconds of both.

    Args:
        own: Numerator.
        other: Denominator.
        rounds: How often each is called, after one call that does not count.
    """
    for call in (own, other):
        call()
    seconds = in_turns(own, other, rounds)
    ratios = [first / second for first, second in zip(*seconds, strict=True)]
    return statistics.median(ratios), statistics.median(seconds[0]), statistics.median(seconds[1])
