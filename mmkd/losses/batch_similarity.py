"""Batch similarity: the images of a batch are as similar to each other as they are for the teacher."""
from torch import Tensor

from mmkd.registry import MODELS

from .reduce import compute_dtype, connected_zero
from .rows import gram, unit_rows
from .weighted import WeightedLoss


def batch_similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compare the similarities between all pairs of images of a batch.

    .. math::
        \frac{1}{B^2} \| G^s - G^t \|_F^2, \quad G_{i \cdot} = \frac{(F F^T)_{i \cdot}}{\| (F F^T)_{i \cdot} \|_2}

    where row i of :math:`F` is all of the features of image i. Channels and sizes of the networks may differ; the
    matrices are B x B. What shall not count, such as padding, has to be 0 and adds nothing to an inner product.

    The teacher is detached. An image of zeros has a row of zeros. A single image has nothing to be compared with: the
    value is 0, connected to the graph.

    Paper: `Similarity-Preserving Knowledge Distillation <https://arxiv.org/abs/1907.09682>`_

    Args:
        student: Features (B, *), for example maps (B, C, H, W).
        teacher: Features (B, *) of the same images.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If the numbers of images differ.
    """
    if student.dim() < 2 or teacher.dim() < 2 or len(student) != len(teacher):
        raise ValueError(
            f'Student features have the shape {tuple(student.shape)} and teacher features {tuple(teacher.shape)}, both '
            'must be (B, *) with equal B: take the same images of both.')
    if len(student) < 2 or not student.numel():
        return connected_zero(student)
    return (_similarity(student) - _similarity(teacher.detach())).square().mean()


@MODELS.register_module()
class BatchSimilarityLoss(WeightedLoss):
    """Module around :func:`batch_similarity_loss`, which tells the formula.

    Args:
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the weight is negative.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss of features (B, *) each."""
        return self.loss_weight * batch_similarity_loss(student, teacher)


def _similarity(features: Tensor) -> Tensor:
    return unit_rows(gram(features.flatten(1).to(compute_dtype(features))))
