"""RKD: distances and angles between the images of a batch are a teacher's."""

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from mmkd.losses import RelativeAngleLoss, RelativeDistanceLoss
from mmkd.methods.taught import TaughtMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.base import Task

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson


@MODELS.register_module()
class RKD(TaughtMethod):
    r"""The embeddings of a batch lie to each other as a teacher's do.

    - ``distance``: the distances of all pairs of images, relative to their mean, see
      :func:`mmkd.losses.relative_distance_loss`.
    - ``angle``: the angles at every image to all pairs of others, see :func:`mmkd.losses.relative_angle_loss`. Its
      memory grows with the cube of the batch: of more than ``max_rows`` images so many are drawn in each step, by
      torch's generator of random numbers on the CPU.

    The embedding is what the linear classifier reads; its width may differ. Segmentors and detectors have none of a
    whole image and are refused. With several processes each relates the images of its own batch.

    Park et al., `Relational Knowledge Distillation <https://arxiv.org/abs/1904.05068>`_, CVPR 2019. The weights 25 and
    50 are those of the CRD benchmark on CIFAR-100; the authors' code for classification has the same but divides the
    embeddings by their norms first, and adds soft targets.

    Args:
        weight: Multiplies both terms. Each weight is a number or a schedule.
        distance_weight: Of the distances.
        angle_weight: Of the angles.
        max_rows: How many images the angles are taken between at most.

    Raises:
        TypeError: If student or teacher is no classifier.
        ValueError: If ``max_rows`` is below 2.
    """

    terms: ClassVar[tuple[str, ...]] = ('distance', 'angle')

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        distance_weight: ScheduleConfig = 25.0,
        angle_weight: ScheduleConfig = 50.0,
        max_rows: int = 64,
    ) -> None:
        super().__init__(weight, distance=distance_weight, angle=angle_weight)
        if not max_rows >= 2:
            raise ValueError(f'RKD has max_rows={max_rows}, but a relation needs two images: raise it to at least 2.')
        self.max_rows = max_rows
        self.losses_of = nn.ModuleDict(dict(distance=RelativeDistanceLoss(), angle=RelativeAngleLoss()))

    def check(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> None:
        """Raise a ``TypeError`` unless both networks are classifiers."""
        for role, model in (('student', task), ('teacher', teacher.task)):
            if model.name != 'classification':
                raise TypeError(
                    f'RKD relates the embeddings of whole images, but the {role} is a {model.name} model, which has '
                    'none: use mmkd.SimilarityPreserving, or mmkd.CIRKD for positions.'
                )
        super().check(student, task, teacher)

    def sources(self, term: str) -> tuple[str, ...]:
        """Embeddings."""
        return ('embedding',)

    def compare(self, term: str, part: nn.Module | None, step: Step, lesson: 'Lesson') -> Tensor:
        """A term for one teacher."""
        own, other = step.embedding(), lesson.embedding()
        if term == 'angle' and len(own) > self.max_rows:
            rows = step.once((id(self), 'rows'), lambda: torch.randperm(len(own))[: self.max_rows].to(own.device))
            own, other = own[rows], other[rows]
        return self.losses_of[term](own, other)
