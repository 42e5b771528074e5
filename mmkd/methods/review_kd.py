"""ReviewKD: levels of the student, fused with the deeper ones, equal a teacher's."""

from collections.abc import Sequence
from typing import ClassVar

from mmkd.losses import HierarchicalContextLoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.networks.connector import Connectors
from mmkd.networks.review_fusion import ReviewFusion
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig


@MODELS.register_module()
class ReviewKD(FeatureMethod):
    r"""Every level of the student is fused with the deeper ones, then compared with the teacher's at several scales.

    .. math:: \sum_l HCL(U_l(F^s_l, \dots, F^s_L), F^t_l)

    with attention-based fusion :math:`U` from the deepest level to the shallowest, which brings the channels of the
    teacher, see :class:`mmkd.networks.review_fusion.AttentionBasedFusion`, and the hierarchical context loss
    :math:`HCL`, see :func:`mmkd.losses.hierarchical_context_loss`. Padding is left out.

    Chen et al., `Distilling Knowledge via Knowledge Review <https://arxiv.org/abs/2104.09044>`_, CVPR 2021. The
    published code on CIFAR-100 takes weights from 0.6 (ResNet-56 teaches ResNet-20) to 8, mostly 5, rising linearly
    over the first 20 of 240 epochs; on COCO ``source='neck'`` and 1 (RetinaNet) or 1.2 (Faster R-CNN with ResNet-18).
    On CIFAR-100 it also compares pooled vectors as a deepest level, which this method does not, and reads the teacher's
    maps before their activation but the student's after it; ``source='preactivation'`` reads both before it. Where
    sizes differ it resizes the student's fused maps to the teacher's size, not the larger map to the smaller.

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: See :class:`FeatureMethod`.
        levels: See there, shallow first.
        teacher_levels: See there.
    """

    terms: ClassVar[tuple[str, ...]] = ('review',)
    project: ClassVar[bool] = False

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        source: str = 'backbone',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.loss = HierarchicalContextLoss()

    def build_comparison(self, connectors: Connectors) -> ReviewFusion:
        """Connectors, and a fusion per level."""
        return ReviewFusion(connectors)
