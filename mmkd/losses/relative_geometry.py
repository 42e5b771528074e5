"""Relative geometry: distances between samples, and the angles that they span, are those of the teacher."""
import torch.nn.functional as F
from torch import Tensor

from mmkd.registry import MODELS

from .pairwise_distances import difference_of_distances
from .reduce import compute_dtype, connected_zero
from .rows import check_rows, gram, unit_rows
from .weighted import WeightedLoss


def relative_distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compare the Euclidean distances between all pairs of rows, relative to their mean.

    .. math::
        \frac{1}{M^2} \sum_{i, j} h(d^s_{ij} - d^t_{ij}), \quad d_{ij} = \frac{\| f_i - f_j \|_2}{\mu}, \quad
        h(x) = \frac{x^2}{2} \text{ if } |x| < 1, \; |x| - \frac{1}{2} \text{ otherwise}

    with the mean :math:`\mu` of all distances above 0, of each network for itself. Rotations, translations and one
    scale for all rows change nothing. The teacher is detached. Fewer than two rows give 0, connected to the graph.

    Paper: `Relational Knowledge Distillation <https://arxiv.org/abs/1904.05068>`_

    Args:
        student: Features (M, Ds).
        teacher: Features (M, Dt) of the same rows.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If the shapes do not fit.
    """
    check_rows(student, teacher, same_width=False)
    if len(student) < 2:
        return connected_zero(student)
    return difference_of_distances(*(rows.to(compute_dtype(rows)) for rows in (student, teacher.detach())))


def relative_angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compare the cosines of the angles at every row between the directions to all pairs of rows.

    .. math::
        \frac{1}{M^3} \sum_{i, j, k} h(a^s_{ijk} - a^t_{ijk}), \quad
        a_{ijk} = \Big\langle \frac{f_i - f_j}{\| f_i - f_j \|_2}, \frac{f_k - f_j}{\| f_k - f_j \|_2} \Big\rangle

    with :math:`h` of :func:`relative_distance_loss`; a row has no direction to itself or to its
    equal, and cosines of 0 with it. Rotations, translations and one scale for all rows change nothing. The teacher is
    detached. Fewer than two rows give 0, connected to the graph. Tensors of :math:`M^2 D` and :math:`M^3` numbers are
    built per network: draw some rows of a large batch.

    Paper: `Relational Knowledge Distillation <https://arxiv.org/abs/1904.05068>`_

    Args:
        student: Features (M, Ds).
        teacher: Features (M, Dt) of the same rows.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If the shapes do not fit.
    """
    check_rows(student, teacher, same_width=False)
    if len(student) < 2:
        return connected_zero(student)
    return F.smooth_l1_loss(_angles(student), _angles(teacher.detach()))


@MODELS.register_module()
class RelativeDistanceLoss(WeightedLoss):
    """Module around :func:`relative_distance_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss of features (M, Ds) and (M, Dt)."""
        return self.loss_weight * relative_distance_loss(student, teacher)


@MODELS.register_module()
class RelativeAngleLoss(WeightedLoss):
    """Module around :func:`relative_angle_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss of features (M, Ds) and (M, Dt)."""
        return self.loss_weight * relative_angle_loss(student, teacher)


def _angles(rows: Tensor) -> Tensor:
    rows = rows.to(compute_dtype(rows))
    return gram(unit_rows(rows - rows.unsqueeze(1)))
