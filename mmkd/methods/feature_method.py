"""What the baselines that compare feature maps share."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from mmkd.methods.taught import TaughtMethod
from mmkd.networks.connector import Connectors, Masks, Pairs, Valid
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.base import Task

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson

FEATURE_SOURCES = ('backbone', 'neck', 'decoder', 'preactivation', 'tokens')


class FeatureMethod(TaughtMethod):
    """A method with one term, which compares feature maps of student and teacher, level by level.

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: Where maps are read in both networks: ``'backbone'`` stages, ``'neck'`` levels, the ``'decoder'`` map
            of a segmentor, backbone stages before their last activation (``'preactivation'``), or ``'tokens'``, see
            :class:`mmkd.tasks.base.Task`.
        levels: Indices of the student's levels that are compared, None for all; -1 is the deepest.
        teacher_levels: Those of the teacher, by default the same. Where one side has more, the deepest are compared.

    Raises:
        ValueError: If ``source`` is unknown, or the two lists differ in length.
    """

    project: ClassVar[bool] = True
    """Whether the student's maps are brought to the teacher's channels."""
    places: ClassVar[tuple[str, ...]] = FEATURE_SOURCES
    """Legal values of ``source``."""
    loss: nn.Module
    """Compares two maps of one level, under a mask or None."""

    def __init__(
        self,
        weight: ScheduleConfig,
        source: str,
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, **dict.fromkeys(self.terms, 1.0))
        name = type(self).__name__
        if source not in self.places:
            raise ValueError(f'{name} has source={source!r}, but it must be one of {self.places}: choose one.')
        if teacher_levels is not None and (levels is None or len(levels) != len(teacher_levels)):
            raise ValueError(
                f'{name} has levels={levels} and teacher_levels={teacher_levels}, but both must name equally many: '
                'give one teacher level per student level.'
            )
        self.source = source
        self.levels = levels
        self.teacher_levels = teacher_levels if teacher_levels is not None else levels

    def sources(self, term: str) -> tuple[str, ...]:
        """The place of the maps."""
        return (self.source,)

    def build_part(self, term: str, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> nn.Module:
        """Connectors where channels or sizes differ, and what else the comparison trains."""
        own, other = self.level_shapes(student, task, teacher)
        return self.build_comparison(Connectors(own, other, self.project, type(self).__name__))

    def level_shapes(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> tuple[list, list]:
        """Channels, rows and columns of the student's levels that were asked for, and of the teacher's."""
        own = _chosen(task.feature_shapes(student, self.source), self.levels)
        return own, _chosen(teacher.task.feature_shapes(teacher.model, self.source), self.teacher_levels)

    def build_comparison(self, connectors: Connectors) -> nn.Module:
        """What brings the maps of the student to those of the teacher, by default the connectors alone.

        It is called like :class:`mmkd.networks.connector.Connectors`, and gives pairs of maps of one size.
        """
        return connectors

    def compare(self, term: str, part: nn.Module, step: Step, lesson: 'Lesson') -> Tensor:
        """The term for one teacher; what is padding counts nowhere."""
        valid = self.valid(step)
        pairs = self.connect(part, step, lesson, valid)
        return self.difference(part, pairs, valid([own for own, _ in pairs]))

    def valid(self, step: Step) -> Valid:
        """What gives the masks of positions that count, by default all but the padding."""
        return partial(step.task.valid_positions, step)

    def connect(self, part: nn.Module, step: Step, lesson: 'Lesson', valid: Valid) -> Pairs:
        """Maps of student and teacher of one size."""
        return part(*self.levels_of(step, lesson), valid)

    def levels_of(self, step: Step, lesson: 'Lesson') -> tuple[list[Tensor], list[Tensor]]:
        """The student's maps that were asked for, and the teacher's, as they are."""
        own = _chosen(step.features(self.source), self.levels)
        return own, _chosen(lesson.features(self.source), self.teacher_levels)

    def difference(self, part: nn.Module, pairs: Pairs, masks: Masks) -> Tensor:
        """How far the maps of student and teacher are apart, by default the method's loss, summed over levels.

        Args:
            part: What :meth:`build_comparison` made.
            pairs: Maps of student and teacher, (N, C, H, W) each, level by level.
            masks: Bool (N, H, W) per level, True where an image is and False in the padding; None without padding.
        """
        masks = masks or [None] * len(pairs)
        return sum(self.loss(own, other, mask) for (own, other), mask in zip(pairs, masks, strict=True))


def _chosen(levels: Sequence, indices: Sequence[int] | None) -> list:
    try:
        return list(levels) if indices is None else [levels[index] for index in indices]
    except IndexError as error:
        raise ValueError(
            f'The levels {list(indices)} were asked for, but there are {len(levels)}: choose among 0 to '
            f'{len(levels) - 1}.'
        ) from error
