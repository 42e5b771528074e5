"""CIRKD: pixels of all images of a batch resemble each other as for a teacher."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from torch import Tensor, nn

from mmkd.losses import PixelRelationLoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.networks.connector import Masks, Pairs, Valid
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig, build_schedule
from mmkd.step import Step


@MODELS.register_module()
class CIRKD(FeatureMethod):
    r"""The similarities of every pixel to the pixels of all images of the batch are compared, by softmax.

    .. math::
        \sum_l \frac{1}{B^2} \sum_{i, j} \mathrm{mean}_p \, KL(t_{ijp} \,\|\, s_{ijp}), \quad
        s_{ijp} = \mathrm{softmax}_q(\cos(f_{ip}, f_{jq}) / T)

    over pairs of images :math:`i, j`, see :func:`mmkd.losses.pixel_relation_loss`. This is the mini-batch term of the
    paper; its terms on queues of pixels and regions of past batches are not part of it. The maps are the decoder's
    (segmentation), the neck's levels (detection) or the deepest one (classification). Void and padding are left out.
    Cosines need no projection. With several processes each relates the pixels of its own batch.

    Matrices of all pixels against all pixels would not fit: a map with more than ``max_positions`` positions is
    averaged over square windows first. The authors' code relates all 64 x 128 positions of a crop, two images per GPU.

    Yang et al., `Cross-Image Relational Knowledge Distillation for Semantic Segmentation
    <https://arxiv.org/abs/2204.06986>`_, CVPR 2022; weight 1 and temperature 0.1 are those of the authors' code on
    Cityscapes, beside soft targets of weight 1. It counts void pixels.

    Args:
        weight: Multiplies the term, a number or a schedule.
        temperature: :math:`T`, a number or a schedule.
        max_positions: How many positions of an image are related at most.
        source: See :class:`FeatureMethod`.
        levels: See there.
        teacher_levels: See there.

    Raises:
        ValueError: If ``max_positions`` is not positive.
    """

    terms: ClassVar[tuple[str, ...]] = ('pixel',)
    project: ClassVar[bool] = False

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        temperature: ScheduleConfig = 0.1,
        max_positions: int = 1024,
        source: str = 'tokens',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.temperature = build_schedule(temperature, 'CIRKD.temperature', positive=True)
        self.loss = PixelRelationLoss(max_positions=max_positions)

    def valid(self, step: Step) -> Valid:
        """What gives the masks of positions that are neither padding nor void."""
        return partial(step.task.labelled_positions, step)

    def difference(self, part: nn.Module, pairs: Pairs, masks: Masks) -> Tensor:
        """Divergences of the similarities, summed over levels."""
        self.loss.temperature = self.temperature.now()
        masks = masks or [None] * len(pairs)
        return sum(self.loss(own, other, mask) for (own, other), mask in zip(pairs, masks, strict=True))
