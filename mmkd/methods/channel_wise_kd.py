"""ChannelWiseKD: every channel of the student is active where a teacher's is."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from mmkd.losses import ChannelWiseLoss
from mmkd.methods.feature_method import FEATURE_SOURCES, FeatureMethod
from mmkd.networks.connector import Masks, Pairs, Valid, equal_size
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step
from mmkd.tasks.base import Task

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson


@MODELS.register_module()
class ChannelWiseKD(FeatureMethod):
    r"""The spatial distribution of every channel of the student follows a teacher's.

    .. math::
        \sum_l \frac{T^2}{N C} \sum_{n, c} KL\big( \mathrm{softmax}_p(F^t_{lnc} / T) \,\|\,
        \mathrm{softmax}_p(c_l(F^s_l)_{nc} / T) \big)

    over positions :math:`p`, with a trained 1x1 convolution :math:`c_l` where the channels differ. With
    ``source='logits'`` the channels are the class maps of two segmentors. Padding is left out; void pixels count.

    Shu et al., `Channel-wise Knowledge Distillation for Dense Prediction <https://arxiv.org/abs/2011.13256>`_, ICCV
    2021. The authors' code takes ``weight=3, temperature=4`` for logits on Cityscapes, and on COCO ``weight=5,
    temperature=1`` for each of the four finest levels of RetinaNet's neck (``source='neck', levels=[0, 1, 2, 3]``);
    CIRKD's code adds the map before the classifier (``source='decoder'``) with ``weight=50, temperature=4``.

    Args:
        weight: Multiplies the term, a number or a schedule.
        temperature: :math:`T`, a number or a schedule.
        source: ``'logits'``, or see :class:`FeatureMethod`.
        levels: See there; logits have none.
        teacher_levels: See there.

    Raises:
        TypeError: If logits of anything but two segmentors are to be compared.
        ValueError: If ``source`` is unknown, or ``levels`` are given for logits.
    """

    terms: ClassVar[tuple[str, ...]] = ('channel',)
    places: ClassVar[tuple[str, ...]] = (*FEATURE_SOURCES, 'logits')

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 4.0,
        source: str = 'backbone',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        if source == 'logits' and levels is not None:
            raise ValueError(
                f"ChannelWiseKD has levels={levels} with source='logits', but logits have no levels: leave them out."
            )
        self.temperature = build_schedule(temperature, 'ChannelWiseKD.temperature', positive=True)
        self.loss = ChannelWiseLoss()

    def check(self, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> None:
        """Raise a ``TypeError`` as well if the logits are no maps."""
        if self.source == 'logits' and task.name != 'segmentation':
            raise TypeError(
                f"ChannelWiseKD has source='logits', but logits of a {task.name} student are no maps of classes: use "
                "source='backbone' or 'neck', or mmkd.LogitKD."
            )
        super().check(student, task, teacher)

    def build_part(self, term: str, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> nn.Module | None:
        """Connectors; nothing for logits, which have the same classes."""
        return None if self.source == 'logits' else super().build_part(term, student, task, teacher)

    def connect(self, part: nn.Module | None, step: Step, lesson: 'Lesson', valid: Valid) -> Pairs:
        """Maps or logits of student and teacher of one size."""
        if self.source == 'logits':
            return [equal_size(step.logits(), lesson.logits(), valid)]
        return super().connect(part, step, lesson, valid)

    def difference(self, part: nn.Module | None, pairs: Pairs, masks: Masks) -> Tensor:
        """Divergences at the present temperature, summed over levels."""
        self.loss.temperature = self.temperature.now()
        return super().difference(part, pairs, masks)
