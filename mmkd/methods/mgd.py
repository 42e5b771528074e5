"""MGD: masked maps of the student are completed to a teacher's."""

from collections.abc import Sequence
from typing import ClassVar

from mmkd.losses import FeatureMSELoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.networks.connector import Connectors
from mmkd.networks.masked_generation import MaskedGeneration
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig


@MODELS.register_module()
class MGD(FeatureMethod):
    r"""From the student's map with some positions set to 0, a block generates the whole map of the teacher.

    .. math:: \sum_l \frac{1}{N} \sum_{n, c, p} (G_l(M \, c_l(F^s_l)) - F^t_l)^2

    with a trained 1x1 convolution :math:`c_l` where the channels differ, a mask :math:`M` drawn anew at every step, and
    a trained block :math:`G_l` of two 3x3 convolutions with a ReLU between them. It is a sum over channels and
    positions, so that its weight has to be some orders of magnitude below that of a mean. Padding is left out.

    Yang et al., `Masked Generative Distillation <https://arxiv.org/abs/2205.01529>`_, ECCV 2022. The published configs:

    - ImageNet: the deepest stage (``levels=[-1]``), ``weight=7e-5, mask_channels=True, mask_ratio=0.15``
    - Cityscapes: the deepest stage, ``weight=2e-5, mask_ratio=0.75``
    - COCO, one-stage detectors: all levels of the neck, ``weight=2e-5, mask_ratio=0.65``; two-stage detectors: the four
      finest, ``weight=5e-7, mask_ratio=0.45``

    Args:
        weight: Multiplies the term, a number or a schedule.
        source: See :class:`FeatureMethod`.
        levels: See there.
        teacher_levels: See there.
        mask_ratio: Share of positions that are set to 0 (about, each is drawn by itself), at least 0 and below 1.
        mask_channels: Whether whole channels are masked instead of positions.

    Raises:
        ValueError: If ``mask_ratio`` is outside of that.
    """

    terms: ClassVar[tuple[str, ...]] = ('feature',)

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        source: str = 'backbone',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
        mask_ratio: float = 0.65,
        mask_channels: bool = False,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        if not 0 <= mask_ratio < 1:
            raise ValueError(
                f'MGD has mask_ratio={mask_ratio!r}, but it must be at least 0 and below 1: pass the share of '
                'positions that are hidden.'
            )
        self.mask_ratio = mask_ratio
        self.mask_channels = mask_channels
        self.loss = FeatureMSELoss(reduction='sum')

    def build_comparison(self, connectors: Connectors) -> MaskedGeneration:
        """Connectors, and a generation block per level."""
        return MaskedGeneration(connectors, self.mask_ratio, self.mask_channels)
