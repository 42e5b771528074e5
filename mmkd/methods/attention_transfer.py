"""AttentionTransfer: the student looks where a teacher looks."""

from collections.abc import Sequence
from typing import ClassVar

from mmkd.losses import AttentionMapLoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig


@MODELS.register_module()
class AttentionTransfer(FeatureMethod):
    r"""The spatial attention maps of student and teacher are compared.

    .. math::
        \sum_l \mathrm{mean}_{n, p} \, (a(F^s_l) - a(F^t_l))^2, \quad a(F) = e / \|e\|_2, \;
        e = \mathrm{mean}_c F_c^2

    Channel counts may differ. Zagoruyko and Komodakis, `Paying More Attention to Attention
    <https://arxiv.org/abs/1612.03928>`_, ICLR 2017; 1000 is the weight of the CRD benchmark on CIFAR-100, the paper's
    own is :math:`10^3 / 2`; CIRKD's code takes 10000 on Cityscapes.

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: See :class:`FeatureMethod`.
        levels: See there.
        teacher_levels: See there.
        reduction: See :class:`mmkd.losses.AttentionMapLoss`.
    """

    terms: ClassVar[tuple[str, ...]] = ('attention',)
    project: ClassVar[bool] = False

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        source: str = 'backbone',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
        reduction: str = 'mean',
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.loss = AttentionMapLoss(reduction=reduction)
