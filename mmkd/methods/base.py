"""What every method shares: weights of its terms, schedules, and the moment it is attached to a student."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task


class Method(BaseModule, ABC):
    """One way to distil: which knowledge is compared with which.

    A method is made from the config, then attached to a student, where it builds its training-only parts. At every step
    it returns its terms, each already weighted, by names that start with ``loss_``. A term whose weight is 0 at the
    moment is not computed.

    Args:
        weight: Multiplies all terms; 0 switches the method off altogether. A number or a schedule.
        term_weights: The weight of each term, a number or a schedule, by the term's name.

    Raises:
        TypeError: If a weight is neither a number nor the config of a schedule.
        ValueError: If a weight is negative or not finite.
    """

    terms: ClassVar[tuple[str, ...]]
    needs_teacher: ClassVar[bool] = False
    """Whether the method learns from external teachers."""
    lean: bool = False
    """Whether the method propagates its terms back one by one, see :mod:`mmkd.collected_gradients`."""
    trained_by: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The method's own parts, named as its attributes, by the term whose gradient trains them."""

    def __init__(self, weight: ScheduleConfig = 1.0, **term_weights: ScheduleConfig) -> None:
        super().__init__()
        self.weight = build_schedule(weight, f'{type(self).__name__}.weight')
        self.term_weights = {
            term: build_schedule(term_weights[term], f'{type(self).__name__}.{term}_weight') for term in self.terms
        }

    @property
    def always_off(self) -> bool:
        """Whether no term of the method is ever computed."""
        return self.weight.always_zero or all(schedule.always_zero for schedule in self.term_weights.values())

    def term_weight(self, term: str) -> float:
        """The weight of a term at the present moment, that of the method included."""
        return self.weight.now() * self.term_weights[term].now()

    def is_active(self) -> bool:
        """Whether any term has a weight above 0 at the present moment."""
        return any(self.term_weight(term) > 0 for term in self.terms)

    def idle_parameters(self, student: nn.Module) -> list[nn.Parameter]:
        """Trainable parameters that get no gradient at the present moment, because the term that trains them is off."""
        idle = [part for term, parts in self.trained_by.items() if not self.term_weight(term) > 0 for part in parts]
        modules = [getattr(self, part) for part in idle]
        return [
            parameter
            for module in modules
            if module is not None
            for parameter in module.parameters()
            if parameter.requires_grad
        ]

    @abstractmethod
    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the training-only parts for a student, and check that the method is defined for it."""

    def meet(self, methods: Mapping[str, 'Method']) -> None:
        """Look at the other methods of the student, by name, all of them attached and not always off."""

    def start_from(self, state_dict: Mapping[str, Tensor], prefix: str) -> None:
        """Take what the method can use from the checkpoint of a plain student, whose keys begin with ``prefix``."""

    @abstractmethod
    def taps(self, task: Task) -> list[str]:
        """Paths in the student that the method reads, see :mod:`mmkd.taps`."""

    @abstractmethod
    def losses(self, step: Step) -> dict[str, Tensor]:
        """The weighted terms of one training step, by ``loss_<term>``."""


def argument_names(method: type[Method]) -> list[str]:
    """Arguments that the config of a method may have."""
    return [name for name in inspect.signature(method).parameters if name != 'self']
