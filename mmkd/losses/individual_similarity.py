"""Individual similarity: every sample's feature points where the teacher's does."""
from torch import Tensor

from mmkd.registry import MODELS

from .rows import check_rows, check_weight, hide_rows, unit_rows, weighted_mean
from .weighted import WeightedLoss


def individual_similarity_loss(student: Tensor, teacher: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""Compare the directions of the features of student and teacher, row by row.

    .. math::
        \frac{1}{\sum_i w_i} \sum_i w_i \, (2 - 2 \cos(f^s_i, f^t_i))

    which is the squared L2 distance of the normalised rows. A zero row has the cosine 0 and no gradient. The teacher is
    detached. Rows of weight 0 may hold anything, inf and nan included. Without a valid row the value is 0, connected to
    the graph.

    Paper: `Multi-level Knowledge Distillation <https://arxiv.org/abs/2012.00573>`_

    Args:
        student: Features (M, D), already projected to the width of the teacher.
        teacher: Features (M, D).
        weight: Weights (M,), at least 0. Defaults to None: 1 for every row.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If the shapes do not fit.
    """
    check_rows(student, teacher)
    check_weight(weight, student)
    own = unit_rows(hide_rows(student, weight))
    target = unit_rows(hide_rows(teacher.detach(), weight))
    return weighted_mean(2 - 2 * (own * target).sum(dim=1), weight)


@MODELS.register_module()
class IndividualSimilarityLoss(WeightedLoss):
    """Module around :func:`individual_similarity_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the weighted loss of features (M, D) under weights (M,)."""
        return self.loss_weight * individual_similarity_loss(student, teacher, weight)
