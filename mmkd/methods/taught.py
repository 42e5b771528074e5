"""What the methods that learn from external teachers share."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmengine.model import ModuleDict, ModuleList
from torch import Tensor, nn

from mmkd.methods.base import Method
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.base import Task

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson


class TaughtMethod(Method):
    r"""A method whose terms compare the student with external teachers.

    A term :math:`k` of the weight :math:`w_k` is :math:`\sum_t w_t w_k L_k(student, t)` over the teachers :math:`t`
    with their weights. For every teacher and term a method may build a part of its own, such as a projection to the
    teacher's channels, which that term trains.

    Args:
        weight: Multiplies all terms.
        term_weights: The weight of each term, by its name.
    """

    needs_teacher = True

    def __init__(self, weight: ScheduleConfig = 1.0, **term_weights: ScheduleConfig) -> None:
        super().__init__(weight, **term_weights)
        self.teachers: list[ExternalTeacher] = []
        self.parts = ModuleList()

    def learn_from(self, teachers: Sequence['ExternalTeacher']) -> None:
        """Take note of the teachers, before the method is attached."""
        self.teachers = list(teachers)

    @property
    def used_terms(self) -> list[str]:
        """Terms that are computed at some time."""
        return [term for term in self.terms if not self.term_weights[term].always_zero]

    def active_terms(self) -> list[str]:
        """Terms that are computed at the present moment."""
        return [term for term in self.used_terms if self.term_weight(term) > 0]

    def attach(self, student: nn.Module, task: Task) -> None:
        """Build the parts of every teacher and term."""
        for teacher in self.teachers:
            self.check(student, task, teacher)
            built = {term: self.build_part(term, student, task, teacher) for term in self.used_terms}
            self.parts.append(ModuleDict({term: part for term, part in built.items() if part is not None}))

    def check(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> None:
        """Raise an error in one sentence unless student and teacher can be compared by the terms that are used."""
        sources = {source for term in self.used_terms for source in self.sources(term)}
        if 'logits' in sources:
            task.check_teacher(student, teacher.model, teacher.task)
        if teacher.cache is not None:
            teacher.cache.check(sources)
        for source in sources:
            task.taps(source)
            teacher.task.taps(source)

    def build_part(self, term: str, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> nn.Module | None:
        """What a term needs to compare the student with a teacher, trained by that term; None: nothing."""
        return None

    @abstractmethod
    def sources(self, term: str) -> tuple[str, ...]:
        """Places that a term reads in student and teacher, see :class:`mmkd.tasks.base.Task`."""

    @abstractmethod
    def compare(self, term: str, part: nn.Module | None, step: Step, lesson: 'Lesson') -> Tensor:
        """A term for one teacher, not yet weighted."""

    def needed_sources(self) -> set[str]:
        """Places that must be read from the teachers at the present moment."""
        return {source for term in self.active_terms() for source in self.sources(term)}

    def taps(self, task: Task) -> list[str]:
        """Paths in the student that the terms read."""
        sources = dict.fromkeys(source for term in self.used_terms for source in self.sources(term))
        heads = task.head_taps() if 'logits' in sources else []
        return [*(path for source in sources for path in task.taps(source)), *heads]

    def losses(self, step: Step) -> dict[str, Tensor]:
        """The weighted terms, each summed over the teachers."""
        return {
            f'loss_{term}': self.term_weight(term)
            * sum(
                lesson.teacher.weight * self.compare(term, _part(parts, term), step, lesson)
                for parts, lesson in zip(self.parts, step.lessons, strict=True)
            )
            for term in self.active_terms()
        }

    def idle_parameters(self, student: nn.Module) -> list[nn.Parameter]:
        """Trainable parameters of the parts whose term is off at the present moment."""
        active = self.active_terms()
        return [
            parameter
            for parts in self.parts
            for term, part in parts.items()
            if term not in active
            for parameter in part.parameters()
            if parameter.requires_grad
        ]


def _part(parts: ModuleDict, term: str) -> nn.Module | None:
    return parts[term] if term in parts else None  # noqa: SIM401  (a ModuleDict has no get)
