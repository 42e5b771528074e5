"""Categorical similarity: samples of one class attract each other across both networks."""
import math

import torch
from torch import Tensor

from mmkd.registry import MODELS

from .gather import JointRows, RelationLoss
from .reduce import check_positive, connected_zero
from .rows import check_rows, matmul, unit_rows


def categorical_similarity_loss(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float = 0.07,
                                eps: float = 1e-7, *, gather: bool = False) -> Tensor:
    r"""Compute the supervised contrastive loss over the embeddings of both networks.

    .. math::
        -\frac{1}{2M} \sum_i \frac{1}{|P(i)|} \sum_{p \in P(i)} \Big( l_{ip} - m_i -
        \log \big( \sum_{a \ne i} e^{l_{ia} - m_i} + \epsilon \big) \Big), \quad l_{ij} = \cos(z_i, z_j) / T

    with :math:`z` the M rows of the student and the M rows of the teacher, :math:`P(i)` all other rows of the label of
    :math:`i` and :math:`m_i = \max_j l_{ij}`, own entry included and without gradient. There is no base temperature.

    **Both** sides are trained: hand over the output of the teacher's embedding layer, computed on detached features. A
    zero row has the cosine 0. Without a row the value is 0, connected to the graph. One matrix (2M, 2M) of similarities
    and one (M, M) of equal labels are built, and both kept for backward.

    With ``gather`` the 2M rows at hand are the anchors among the rows of all processes, as in one process with the
    joint batch: the mean over the processes is the loss of that batch, and so is its gradient, see
    :class:`mmkd.losses.gather.JointRows`.

    Paper: `Multi-level Knowledge Distillation <https://arxiv.org/abs/2012.00573>`_

    Args:
        student: Embeddings (M, D).
        teacher: Embeddings (M, D), not detached here.
        labels: Class of every row (M,).
        temperature: Divides the cosines.
        eps: Added to the denominator, at least 0.
        gather: Whether the rows are related to those of all processes, not of this one alone.

    Returns:
        A scalar in float32, or float64 for float64 embeddings.

    Raises:
        ValueError: If the shapes do not fit or an argument is not legal.
    """
    _check(student, teacher, labels)
    _check_arguments(temperature, eps)
    joint = JointRows(student, gather)
    if not joint.total:
        return connected_zero(student) + connected_zero(teacher)
    pairs = torch.cat([unit_rows(student), unit_rows(teacher)], dim=1)
    rows, columns = [torch.cat(side.chunk(2, dim=1)) for side in (pairs, joint.gather(pairs))]
    similarity = matmul(rows / temperature, columns.mT)
    peak = similarity.detach().amax(dim=1)
    own = student.shape[0]
    similarity[:own].diagonal(joint.offset).fill_(-float('inf'))
    similarity[own:].diagonal(joint.offset + joint.total).fill_(-float('inf'))
    denominator = similarity.logsumexp(dim=1)
    if eps > 0:
        # The row maximum goes to the side of eps: exp of the similarities themselves would overflow or vanish.
        denominator = torch.logaddexp(denominator, peak + math.log(eps))
    same = (labels.unsqueeze(1) == joint.gather_constant(labels)).to(rows.dtype)
    return (denominator - _attraction(rows, columns, same) / temperature).sum() / (2 * joint.divisor)


@MODELS.register_module()
class CategoricalSimilarityLoss(RelationLoss):
    """Module around :func:`categorical_similarity_loss`, which tells the formula. It trains the teacher side, too.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the cosines.
        eps: Added to the denominator, at least 0.
        gather: Whether the rows are related to those of all processes, not of this one alone.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive, or ``eps`` or the weight is negative.
    """

    def __init__(self, temperature: float = 0.07, eps: float = 1e-7, *, gather: bool = False,
                 loss_weight: float = 1.0) -> None:
        _check_arguments(temperature, eps)
        super().__init__(gather, loss_weight, temperature=temperature, eps=eps)

    def forward(self, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
        """Return the weighted loss of embeddings (M, D) with labels (M,)."""
        value = categorical_similarity_loss(student, teacher, labels, self.temperature, self.eps, gather=self.gather)
        return self.loss_weight * value


def _attraction(rows: Tensor, columns: Tensor, same: Tensor) -> Tensor:
    """Return the mean cosine (2M,) of every row with its positives: a row times their sum, without another (2M, 2M)."""
    student, teacher = columns.chunk(2)
    positives = matmul(same, student + teacher).repeat(2, 1) - rows
    count = 2 * same.sum(dim=1) - 1
    return (rows * positives).sum(dim=1) / count.repeat(2)


def _check(student: Tensor, teacher: Tensor, labels: Tensor) -> None:
    check_rows(student, teacher)
    if labels.shape != student.shape[:1]:
        raise ValueError(
            f'The labels have the shape {tuple(labels.shape)}, they must be {tuple(student.shape[:1])}: one class per '
            'row.')


def _check_arguments(temperature: float, eps: float) -> None:
    check_positive('temperature', temperature)
    if not eps >= 0:
        raise ValueError(f'eps is {eps}, it must be at least 0: pass 0 to leave it out.')
