"""Relational similarity: samples are as similar to each other as they are for the teacher."""
from collections.abc import Callable

import torch
from torch import Tensor

from mmkd.registry import MODELS

from .divergence import softmax_divergence
from .gather import JointRows, RelationLoss
from .reduce import check_positive, connected_zero
from .rows import check_rows, inner_products, matmul, unit_rows


def relational_similarity_loss(student: Tensor, teacher: Tensor, num_views: int = 1,
                               temperature: float = 0.5, *, gather: bool = False) -> Tensor:
    r"""Compare the similarities between the rows of the student with those of the teacher.

    .. math::
        \frac{1}{|A|} \sum_{a \in A} \sum_n P^t_{an} \log \frac{P^t_{an}}{P^s_{an}}, \quad
        P_{an} = \mathrm{softmax}_n(\cos(f_a, f_n) / T)

    without a factor :math:`T^2`. With V = ``num_views`` > 1, row V i + v is view v of image i, the columns :math:`n`
    are the views 0 and the rows :math:`A` all others. With one view every row is compared with all others.

    The teacher is detached. A zero row has the cosine 0. Without a column the value is 0, connected to the graph. One
    matrix (rows, columns) of similarities is built per network, and one of probabilities kept for backward.

    With ``gather`` the columns are those of all processes, as in one process with the joint batch: the mean over the
    processes is the loss of that batch, and so is its gradient, see :class:`mmkd.losses.gather.JointRows`.

    Paper: `Multi-level Knowledge Distillation <https://arxiv.org/abs/2012.00573>`_

    Args:
        student: Features (M, Ds), image-major.
        teacher: Features (M, Dt) of the same rows.
        num_views: Views per image, a divisor of M.
        temperature: Divides the cosines before the softmax.
        gather: Whether the rows are related to those of all processes, not of this one alone.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If the shapes do not fit, M is no multiple of ``num_views`` or an argument is not legal.
    """
    check_rows(student, teacher, same_width=False)
    check_positive('temperature', temperature)
    _check_views(num_views, student)
    joint = JointRows(student[::num_views], gather)
    if joint.total * num_views < 2:
        return connected_zero(student)
    own = _similarities(student, num_views, temperature, joint, joint.gather)
    target = _similarities(teacher.detach(), num_views, temperature, joint, joint.gather_constant)
    return softmax_divergence(own, target, 1).sum() / (joint.divisor * max(num_views - 1, 1))


@MODELS.register_module()
class RelationalSimilarityLoss(RelationLoss):
    """Module around :func:`relational_similarity_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the cosines before the softmax.
        gather: Whether the rows are related to those of all processes, not of this one alone.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 0.5, *, gather: bool = False, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(gather, loss_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, num_views: int = 1) -> Tensor:
        """Return the weighted loss of features (M, Ds) and (M, Dt) with rows in image-major order."""
        value = relational_similarity_loss(student, teacher, num_views, self.temperature, gather=self.gather)
        return self.loss_weight * value


def _similarities(features: Tensor, num_views: int, temperature: float, joint: JointRows,
                  gather: Callable[[Tensor], Tensor]) -> Tensor:
    unit = unit_rows(features)
    if num_views == 1:
        similarity = inner_products(unit, gather(unit), 1 / temperature)
        # -inf would make 0 * (-inf + inf) = nan of the own column; the lowest number has the probability 0 as well.
        similarity.diagonal(joint.offset).fill_(torch.finfo(unit.dtype).min)
        return similarity
    images = unit.unflatten(0, (-1, num_views))
    return matmul(images[:, 1:].flatten(0, 1) / temperature, gather(images[:, 0]).mT)


def _check_views(num_views: int, rows: Tensor) -> None:
    if num_views < 1 or rows.shape[0] % num_views:
        raise ValueError(
            f'num_views is {num_views}, it must be at least 1 and divide the {rows.shape[0]} rows: pass the number of '
            'views that every image has.')
