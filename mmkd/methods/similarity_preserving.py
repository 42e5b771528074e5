"""SimilarityPreserving: images are as similar to each other as for a teacher."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn

from mmkd.losses import BatchSimilarityLoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.networks.connector import Masks, Pairs, Valid, hidden_padding
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig
from mmkd.step import Step
from mmkd.tasks.base import Task

if TYPE_CHECKING:
    from mmkd.teachers import ExternalTeacher, Lesson


@MODELS.register_module()
class SimilarityPreserving(FeatureMethod):
    r"""The inner products of the feature maps of all pairs of images of a batch are compared.

    .. math::
        \sum_l \frac{1}{B^2} \| G(F^s_l) - G(F^t_l) \|_F^2, \quad
        G(F)_{i \cdot} = \frac{(F F^T)_{i \cdot}}{\| (F F^T)_{i \cdot} \|_2}

    with a row of :math:`F` per image. Channels and sizes may differ, and nothing is resized or trained; padding is left
    out. A batch of one image has no similarity, and the term is 0. With several processes each relates the images of
    its own batch.

    Tung and Mori, `Similarity-Preserving Knowledge Distillation <https://arxiv.org/abs/1907.09682>`_, ICCV 2019; 3000
    is the weight of the CRD benchmark on CIFAR-100, for the deepest map and batches of 64. The value falls as
    :math:`1 / B`, so that a batch of 2 wants a smaller weight.

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: See :class:`FeatureMethod`.
        levels: See there; by default the deepest.
        teacher_levels: See there.
    """

    terms: ClassVar[tuple[str, ...]] = ('similarity',)
    project: ClassVar[bool] = False

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        source: str = 'backbone',
        levels: Sequence[int] | None = (-1,),
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.loss = BatchSimilarityLoss()

    def build_part(self, term: str, student: nn.Module, task: Task, teacher: 'ExternalTeacher') -> None:
        """Nothing, once the levels are known to exist: similarities of images have no channels and no size."""
        self.level_shapes(student, task, teacher)

    def connect(self, part: None, step: Step, lesson: 'Lesson', valid: Valid) -> Pairs:
        """Maps of both networks as they are, with zeros in the padding, which add nothing to an inner product."""
        own, other = self.levels_of(step, lesson)
        levels = min(len(own), len(other))
        return list(zip(_hidden(own[-levels:], valid), _hidden(other[-levels:], valid), strict=True))

    def difference(self, part: None, pairs: Pairs, masks: Masks) -> Tensor:
        """Squared differences of similarities, summed over levels."""
        return sum(self.loss(own, other) for own, other in pairs)


def _hidden(maps: Sequence[Tensor], valid: Valid) -> list[Tensor]:
    masks = valid(maps) or [None] * len(maps)
    return [hidden_padding(level, mask) for level, mask in zip(maps, masks, strict=True)]
