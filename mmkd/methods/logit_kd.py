"""LogitKD: soft targets of a teacher."""

from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from mmkd.methods.taught import TaughtMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step

if TYPE_CHECKING:
    from mmkd.teachers import Lesson


@MODELS.register_module()
class LogitKD(TaughtMethod):
    r"""The student's class probabilities follow a teacher's.

    .. math:: T^2 \, KL(softmax(z_t / T) \,\|\, softmax(z_s / T))

    averaged over images (classification), over pixels that are not void, at the student's stride (segmentation), or
    over locations or proposals weighted by the teacher's highest foreground probability (detection,
    binary where the head's classes are sigmoids).

    Hinton et al., `Distilling the Knowledge in a Neural Network <https://arxiv.org/abs/1503.02531>`_. The setting of
    the CRD benchmark on CIFAR-100 is ``weight=0.9, temperature=4`` beside 0.1 times the student's own loss; on
    Cityscapes CIRKD's code takes ``weight=1, temperature=1``.

    Args:
        weight: Multiplies the term, a number or a schedule.
        temperature: :math:`T`, a number or a schedule.
        full_size: Segmentation: whether logits are compared at the size of the labels instead of the student's stride.
        mask_ignored: Segmentation: whether void pixels are left out.
    """

    terms: ClassVar[tuple[str, ...]] = ('logit',)

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 4.0,
        full_size: bool = False,
        mask_ignored: bool = True,
    ) -> None:
        super().__init__(weight, logit=1.0)
        self.temperature = build_schedule(temperature, 'LogitKD.temperature', positive=True)
        self.full_size = full_size
        self.mask_ignored = mask_ignored

    def sources(self, term: str) -> tuple[str, ...]:
        """Logits."""
        return ('logits',)

    def compare(self, term: str, part: nn.Module | None, step: Step, lesson: 'Lesson') -> Tensor:
        """Soft targets of one teacher."""
        logits = step.task.comparable_logits(step, lesson.logits(), self.mask_ignored, self.full_size)
        return logits.soft_target_loss(self.temperature.now())
