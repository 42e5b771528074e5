"""What the baselines that take the softmax over classes apart have in common."""

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from mmkd.methods.taught import TaughtMethod
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task
from mmkd.tasks.comparable import ComparableLogits

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson


class SoftmaxMethod(TaughtMethod):
    """A method with one term, ``logit``, that is the sum of two parts with weights of their own.

    Images (classification), pixels that are not void, at the student's stride (segmentation), or the student's sampled
    proposals (detection by two stages) are compared, each with one softmax over the classes.

    Args:
        weight: Multiplies the term.
        temperature: Of the softmax.
        part_weights: Weights of the parts, by the names that the loss has for them. All numbers may be schedules.
    """

    terms: ClassVar[tuple[str, ...]] = ('logit',)
    loss: nn.Module

    def __init__(self, weight: ScheduleConfig, temperature: ScheduleConfig, **part_weights: ScheduleConfig) -> None:
        super().__init__(weight, logit=1.0)
        name = type(self).__name__
        self.temperature = build_schedule(temperature, f'{name}.temperature', positive=True)
        self.part_weights = {part: build_schedule(given, f'{name}.{part}') for part, given in part_weights.items()}

    @property
    def always_off(self) -> bool:
        """Whether neither part is ever computed."""
        return super().always_off or all(schedule.always_zero for schedule in self.part_weights.values())

    def term_weight(self, term: str) -> float:
        """The weight of the term at the present moment, 0 where both parts have none."""
        return super().term_weight(term) if any(schedule.now() for schedule in self.part_weights.values()) else 0.0

    def check(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> None:
        """Raise a ``TypeError`` unless both networks have a softmax for everything that is compared."""
        task.check_softmax(student, type(self).__name__)
        teacher.task.check_softmax(teacher.model, type(self).__name__)
        super().check(student, task, teacher)

    def sources(self, term: str) -> tuple[str, ...]:
        """Logits."""
        return ('logits',)

    def compare(self, term: str, part: nn.Module | None, step: Step, lesson: 'Lesson') -> Tensor:
        """The two parts for one teacher; void and padding count nowhere."""
        self.loss.temperature = self.temperature.now()
        for name, schedule in self.part_weights.items():
            setattr(self.loss, name, schedule.now())
        logits = step.task.comparable_logits(step, lesson.logits(), mask_ignored=True, full_size=False)
        return self.difference(step, logits)

    @abstractmethod
    def difference(self, step: Step, logits: ComparableLogits) -> Tensor:
        """How far the logits of student and teacher are apart."""
