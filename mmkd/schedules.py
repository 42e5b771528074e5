"""Weights and temperatures that change with training progress.

A schedule is a pure function of the runner's epoch and iteration, read from mmengine's message hub at the moment of
use. It has no state of its own, so a resumed run continues it exactly.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from mmengine.logging import MessageHub, print_log

ScheduleConfig = float | int | dict

SHAPES: dict[str, Callable[[float], float]] = {
    'linear': lambda t: t,
    'sigmoid': lambda t: math.exp(-5 * (1 - t) ** 2),
    'cosine': lambda t: (1 - math.cos(math.pi * t)) / 2,
}


class Schedule(ABC):
    """A number for every moment of training."""

    @abstractmethod
    def at(self, moment: int) -> float:
        """The value at a 0-based epoch or iteration."""

    @abstractmethod
    def now(self) -> float:
        """The value at the runner's present epoch or iteration."""

    @property
    def always_zero(self) -> bool:
        """Whether the value is 0 at every moment."""
        return False


@dataclass(frozen=True)
class Constant(Schedule):
    """The same value throughout."""

    value: float

    def at(self, moment: int) -> float:
        """The constant."""
        return self.value

    def now(self) -> float:
        """The constant."""
        return self.value

    @property
    def always_zero(self) -> bool:
        """Whether the constant is 0."""
        return self.value == 0


@dataclass(frozen=True)
class Ramp(Schedule):
    r"""A value that goes from ``start`` to ``stop`` between two moments.

    Before ``begin`` it is ``start``, from ``end`` on it is ``stop``, and between them at epoch or iteration :math:`e`

    .. math:: start + (stop - start) \, s(t), \quad t = (e + 1 - begin) / (end - begin)

    with :math:`s(t) = t` (``linear``), :math:`\exp(-5 (1 - t)^2)` (``sigmoid``, the ramp of `Laine and Aila
    <https://arxiv.org/abs/1610.02242>`_ that FRSKD's segmentation uses) or :math:`(1 - \cos \pi t) / 2` (``cosine``).

    Args:
        begin: First epoch or iteration (0-based) of the ramp.
        end: First epoch or iteration with the final value. Equal to ``begin`` it makes a step.
        start: Value up to ``begin``.
        stop: Value from ``end`` on.
        by_epoch: Whether ``begin`` and ``end`` count epochs; otherwise iterations.
        relative: Whether ``begin`` and ``end`` are shares of the whole run (0 to 1) instead, for configs of any length.
        shape: ``'linear'``, ``'sigmoid'`` or ``'cosine'``.

    Raises:
        ValueError: If ``end`` comes before ``begin``, ``begin`` is negative, or the shape is unknown.
    """

    begin: float
    end: float
    start: float = 0.0
    stop: float = 1.0
    by_epoch: bool = True
    shape: str = 'linear'
    relative: bool = False

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(
                f'Ramp has shape={self.shape!r}, but it must be one of {sorted(SHAPES)}: choose one of these.'
            )
        if not 0 <= self.begin <= self.end:
            raise ValueError(
                f'Ramp has begin={self.begin} and end={self.end}, but 0 <= begin <= end is needed: give begin the '
                f'smaller number.'
            )

    def at(self, moment: int, length: int = 1) -> float:
        """The value at a 0-based epoch or iteration of a run with so many of them (needed if ``relative``)."""
        begin, end = (
            (round(share * length) for share in (self.begin, self.end)) if self.relative else (self.begin, self.end)
        )
        if moment < begin:
            return self.start
        if moment >= end:
            return self.stop
        return self.start + (self.stop - self.start) * SHAPES[self.shape]((moment + 1 - begin) / (end - begin))

    def now(self) -> float:
        """The value at the runner's present epoch or iteration."""
        hub = MessageHub.get_current_instance()
        unit = 'epoch' if self.by_epoch else 'iter'
        length = hub.get_info(f'max_{unit}s', None)
        self._warn_if_never_reached(hub, unit, length)
        return self.at(hub.get_info(unit, 0), length or 1)

    @property
    def always_zero(self) -> bool:
        """Whether both ends are 0."""
        return self.start == self.stop == 0

    def _warn_if_never_reached(self, hub: MessageHub, unit: str, length: int | None) -> None:
        # An iteration-based run stays in epoch 0, where a ramp over epochs would silently never begin.
        warned = f'mmkd_ramp_{unit}_{self.begin}_{self.end}'
        if length is None or self.relative or length > self.begin or hub.get_info(warned, None):
            return
        hub.update_info(warned, True, resumed=False)
        print_log(
            f'A Ramp begins at {unit} {self.begin}, but the run ends after {length}: it stays at {self.start}; '
            f'set by_epoch={not self.by_epoch} or an earlier begin.',
            logger='current',
            level=logging.WARNING,
        )


def build_schedule(value: ScheduleConfig, name: str, positive: bool = False) -> Schedule:
    """Make a schedule of a number or of ``dict(type='Ramp', …)``.

    Args:
        value: A number, or the config of a :class:`Ramp`.
        name: What the number is called in the user's config, for messages.
        positive: Whether 0 is forbidden too (temperatures).

    Raises:
        TypeError: If ``value`` is neither a number nor the config of a ramp.
        ValueError: If a value of the schedule is negative, not finite, or 0 where that is forbidden.
    """
    if isinstance(value, dict):
        schedule = _build_ramp(dict(value), name)
        ends = [schedule.start, schedule.stop]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        schedule, ends = Constant(float(value)), [value]
    else:
        raise TypeError(
            f'{name}={value!r} is a {type(value).__name__}, but it must be a number or '
            "dict(type='Ramp', begin=…, end=…): give one of these."
        )
    if not all(math.isfinite(end) and end >= 0 for end in ends) or (positive and 0 in ends):
        raise ValueError(
            f'{name} is {value}, but it must be finite and {"above 0" if positive else "0 or more"}: change it in the '
            f'config of the method.'
        )
    return schedule


def _build_ramp(config: dict, name: str) -> Ramp:
    kind = config.pop('type', None)
    if kind not in ('Ramp', 'mmkd.Ramp', Ramp):
        raise ValueError(
            f"{name} has the schedule type {kind!r}, but only 'Ramp' exists: write dict(type='Ramp', begin=…, end=…)."
        )
    try:
        return Ramp(**config)
    except TypeError as error:
        legal = 'begin, end, start, stop, by_epoch, shape, relative'
        raise ValueError(
            f'{name} has a Ramp with the arguments {sorted(config)}, but begin and end are needed and {legal} are '
            f'legal ({error}).'
        ) from error
