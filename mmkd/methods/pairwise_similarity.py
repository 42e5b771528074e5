"""PairwiseSimilarity: the positions of an image resemble each other as for a teacher."""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from mmkd.losses import PairwiseSimilarityLoss
from mmkd.methods.feature_method import FeatureMethod
from mmkd.networks.connector import Masks, Pairs
from mmkd.registry import MODELS
from mmkd.schedules import ScheduleConfig


@MODELS.register_module()
class PairwiseSimilarity(FeatureMethod):
    r"""The cosines between all pairs of positions of every image are compared.

    .. math:: \sum_l \mathrm{mean}_{n, i, j} \big( \cos(f^s_{ni}, f^s_{nj}) - \cos(f^t_{ni}, f^t_{nj}) \big)^2

    after a max-pool, see :func:`mmkd.losses.pairwise_similarity_loss`. The maps are the decoder's (segmentation), the
    neck's levels (detection) or the deepest one (classification). Padding is left out; void pixels count. Cosines need
    no projection.

    Liu et al., `Structured Knowledge Distillation for Semantic Segmentation <https://arxiv.org/abs/1903.04197>`_, CVPR
    2019, of which this is the pair-wise term. Windows of 2 x 2 and the weight 10 are those of CIRKD's code on
    Cityscapes. The authors' own code takes windows of half the map, which leave 2 x 2 positions, the weight 0.5, and no
    gradient through the norms.

    Args:
        weight: Multiplies the term, a number or a schedule.
        window: Side of the windows of the max-pool, 1 for none.
        source: See :class:`FeatureMethod`.
        levels: See there.
        teacher_levels: See there.

    Raises:
        ValueError: If ``window`` is below 1.
    """

    terms: ClassVar[tuple[str, ...]] = ('pairwise',)
    project: ClassVar[bool] = False

    def __init__(
        self,
        weight: ScheduleConfig = 1.0,
        window: int = 2,
        source: str = 'tokens',
        levels: Sequence[int] | None = None,
        teacher_levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(weight, source, levels, teacher_levels)
        self.loss = PairwiseSimilarityLoss(window=window)

    def difference(self, part: nn.Module, pairs: Pairs, masks: Masks) -> Tensor:
        """Squared differences of cosines, summed over levels."""
        masks = masks or [None] * len(pairs)
        return sum(self.loss(own, other, mask) for (own, other), mask in zip(pairs, masks, strict=True))
