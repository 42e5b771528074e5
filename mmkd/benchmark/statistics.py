"""Mean, spread and standard errors over seeds."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev


def mean_and_std(values: Sequence[float]) -> tuple[float, float | None]:
    r"""Mean and sample standard deviation :math:`\sqrt{\sum (x - \bar x)^2 / (n - 1)}`, None for a single value.

    Raises:
        ValueError: There is no value.
    """
    if not values:
        raise ValueError('the mean of no value is not defined; give at least one.')
    return fmean(values), stdev(values) if len(values) > 1 else None


def difference(values: Mapping[int, float], baseline: Mapping[int, float]) -> dict[str, float | int | None]:
    r"""Difference of the means of two sets of runs, with both standard errors.

    Args:
        values: Metric by seed.
        baseline: Metric of the baseline by seed.

    Returns:
        ``difference`` of the means; ``standard_error`` :math:`\sqrt{s_1^2/n_1 + s_2^2/n_2}` (None unless both have two
        runs);
        ``paired_standard_error`` :math:`s_d/\sqrt n` over the differences :math:`d` within the ``pairs``
        common seeds (None unless the seeds are the same, and
        two or more).
    """
    mean, std = mean_and_std(list(values.values()))
    other_mean, other_std = mean_and_std(list(baseline.values()))
    error = None if std is None or other_std is None else math.sqrt(std**2 / len(values) + other_std**2 / len(baseline))
    paired = None
    if set(values) == set(baseline) and len(values) > 1:
        paired = stdev([values[seed] - baseline[seed] for seed in values]) / math.sqrt(len(values))
    return {
        'difference': mean - other_mean,
        'standard_error': error,
        'paired_standard_error': paired,
        'pairs': len(set(values) & set(baseline)),
    }
