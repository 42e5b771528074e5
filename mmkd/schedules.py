"""Weights and temperatures that change with training progress.

A schedule is a pure function of the runner's epoch and iteration, read from mmengine's message hub at the moment of
use. It has no state of its own, so a resumed run continues it exactly.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields

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
    With ``exp`` it is :math:`start \, (stop / start)^t`, the same ratio at every moment.

    Args:
        begin: First epoch or iteration (0-based) of the ramp.
        end: First epoch or iteration with the final value. Equal to ``begin`` it makes a step.
        start: Value up to ``begin``.
        stop: Value from ``end`` on.
        by_epoch: Whether ``begin`` and ``end`` count epochs; otherwise iterations.
        relative: Whether ``begin`` and ``end`` are shares of the whole run (0 to 1) instead, for configs of any length.
        shape: ``'linear'``, ``'sigmoid'``, ``'cosine'`` or ``'exp'``.

    Raises:
        ValueError: If ``end`` comes before ``begin``, ``begin`` is negative, the shape is unknown, or it is ``'exp'``
            and one of the values is not above 0.
    """

    begin: float
    end: float
    start: float = 0.0
    stop: float = 1.0
    by_epoch: bool = True
    shape: str = 'linear'
    relative: bool = False

    def __post_init__(self) -> None:
        _check_shape('Ramp', self.shape, self.start, self.stop)
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
        return _between(self.start, self.stop, self.shape, (moment + 1 - begin) / (end - begin))

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


@dataclass(frozen=True)
class Anneal(Schedule):
    r"""A value that goes from ``start`` at the first moment of a run to ``stop`` at the last one, however long it is.

    .. math:: start + (stop - start) \, s(u), \quad u = e / (E - 1)

    at moment :math:`e` of :math:`E`, with the shapes of :class:`Ramp`; a run of one moment has ``start``.

    Args:
        start: Value at the first moment.
        stop: Value at the last moment.
        shape: ``'linear'``, ``'sigmoid'``, ``'cosine'`` or ``'exp'``.
        by_epoch: Whether moments are epochs or iterations; None: epochs in a run of several, iterations otherwise.

    Raises:
        ValueError: If the shape is unknown, or it is ``'exp'`` and one of the values is not above 0.
    """

    start: float
    stop: float
    shape: str = 'linear'
    by_epoch: bool | None = None

    def __post_init__(self) -> None:
        _check_shape('Anneal', self.shape, self.start, self.stop)

    def at(self, moment: int, length: int = 1) -> float:
        """The value at a 0-based epoch or iteration of a run with so many of them."""
        if moment <= 0 or length <= 1:
            return self.start
        return _between(self.start, self.stop, self.shape, min(moment / (length - 1), 1.0))

    def now(self) -> float:
        """The value at the runner's present epoch or iteration, ``start`` outside a run."""
        hub = MessageHub.get_current_instance()
        by_epoch = (hub.get_info('max_epochs', None) or 1) > 1 if self.by_epoch is None else self.by_epoch
        unit = 'epoch' if by_epoch else 'iter'
        return self.at(hub.get_info(unit, 0), hub.get_info(f'max_{unit}s', None) or 1)

    @property
    def always_zero(self) -> bool:
        """Whether both ends are 0."""
        return self.start == self.stop == 0


KINDS: dict[str, type[Schedule]] = dict(Ramp=Ramp, Anneal=Anneal)
ENDS = ('begin', 'end', 'start', 'stop')


def build_schedule(value: ScheduleConfig, name: str, positive: bool = False) -> Schedule:
    """Make a schedule of a number, of ``dict(type='Ramp', …)`` or of ``dict(type='Anneal', …)``.

    Args:
        value: A number, or the config of a :class:`Ramp` or :class:`Anneal`.
        name: What the number is called in the user's config, for messages.
        positive: Whether 0 is forbidden too (temperatures).

    Raises:
        TypeError: If ``value`` is neither a number nor a config.
        ValueError: If a value of the schedule is negative, not finite, or 0 where that is forbidden.
    """
    if isinstance(value, dict):
        schedule = _build(dict(value), name)
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


def _build(config: dict, name: str) -> Ramp | Anneal:
    kind = config.pop('type', None)
    made = kind if kind in KINDS.values() else KINDS.get(str(kind).removeprefix('mmkd.'))
    if made is None:
        raise ValueError(
            f"{name} has the schedule type {kind!r}, but only 'Ramp' and 'Anneal' exist: write "
            "dict(type='Ramp', begin=…, end=…) or dict(type='Anneal', start=…, stop=…)."
        )
    wrong = {key: config[key] for key in ENDS if not isinstance(config.get(key, 0), int | float)}
    if wrong:
        told = ', '.join(f'{key}={value!r}' for key, value in wrong.items())
        raise ValueError(f'{name} has {made.__name__} with {told}, but a number is needed: correct it.')
    try:
        return made(**config)
    except TypeError as error:
        needed = ' and '.join(field.name for field in fields(made) if field.default is MISSING)
        legal = ', '.join(field.name for field in fields(made))
        raise ValueError(
            f'{name} has {made.__name__} with the arguments {sorted(config)}, but {needed} are needed and {legal} are '
            f'legal ({error}): add, rename or remove some.'
        ) from error


def _between(start: float, stop: float, shape: str, share: float) -> float:
    if shape == 'exp':
        return start * (stop / start) ** share
    return start + (stop - start) * SHAPES[shape](share)


def _check_shape(kind: str, shape: str, start: float, stop: float) -> None:
    legal = sorted([*SHAPES, 'exp'])
    if shape not in legal:
        raise ValueError(f'{kind} has shape={shape!r}, but it must be one of {legal}: choose one of these.')
    if shape == 'exp' and not (start > 0 and stop > 0):
        raise ValueError(
            f"{kind} has shape='exp' from {start} to {stop}, but both must be above 0: a ratio leads from one to the "
            'other; choose another shape, or values above 0.'
        )
