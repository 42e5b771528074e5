"""FeatureKD: maps of the student equal a teacher's."""

from collections.abc import Sequence
from typing import ClassVar

from mmkd.losses import FeatureMSELoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig


@MODELS.register_module()
class FeatureKD(FeatureMethod):
    r"""The squared difference of feature maps of student and teacher, the hints of FitNets.

    .. math:: \sum_l \mathrm{mean}_{n, c, p} \, (c_l(F^s_l) - F^t_l)^2

    with a trained 1x1 convolution :math:`c_l` where the channels differ, otherwise the maps themselves.

    Romero et al., `FitNets: Hints for Thin Deep Nets <https://arxiv.org/abs/1412.6550>`_, ICLR 2015, who compare one
    level, before the student is trained on labels. The CRD benchmark on CIFAR-100 compares the second of three stages
    during the whole training (``levels=[1]``) with ``weight=100``, through a convolution with batch norm and ReLU;
    CIRKD's code on Cityscapes the map that the classifier reads (``source='decoder'``) with ``weight=10``, beside
    soft targets.

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: See :class:`FeatureMethod`.
        levels: See there.
        teacher_levels: See there.
    """

    terms: ClassVar[tuple[str, ...]] = ('feature',)

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        source: str = 'backbone',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.loss = FeatureMSELoss()
