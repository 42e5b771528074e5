"""PKD: channels of the student rise and fall with a teacher's."""

from collections.abc import Sequence
from typing import ClassVar

from mmkd.losses import PearsonCorrelationLoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig


@MODELS.register_module()
class PKD(FeatureMethod):
    r"""Pearson's correlation of the channels of feature maps of student and teacher.

    .. math:: \sum_l \mathrm{mean}_c \, (1 - r(F^s_{lc}, F^t_{lc}))

    over all positions of the batch, see :func:`mmkd.losses.pearson_correlation_loss`. What differs in magnitude alone
    is equal, so that detectors of different kinds can teach each other. Padding is left out. With several processes
    each correlates the images of its own batch.

    Cao et al., `PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient
    <https://arxiv.org/abs/2207.02039>`_, NeurIPS 2022. The configs in MMRazor compare the four finest levels of the
    neck (``levels=[0, 1, 2, 3]``) with ``weight=6`` (Faster R-CNN, and a Mask R-CNN that teaches RetinaNet) or
    ``weight=10`` (RetinaNet that teaches RetinaNet).

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: See :class:`FeatureMethod`; a classifier has no neck of maps, so that it needs ``'backbone'``.
        levels: See there.
        teacher_levels: See there.
    """

    terms: ClassVar[tuple[str, ...]] = ('feature',)

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        source: str = 'neck',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.loss = PearsonCorrelationLoss()
