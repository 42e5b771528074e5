"""Pixel-to-region similarity: pixels are as similar to the regions of the batch as they are for the teacher."""
from torch import Tensor

from mmkd.registry import MODELS

from .divergence import softmax_divergence
from .gather import JointRows, RelationLoss
from .reduce import check_positive, connected_zero
from .rows import check_rows, matmul, unit_rows


def pixel_to_region_loss(student: Tensor, teacher: Tensor, regions: Tensor, temperature: float = 0.1, *,
                         gather: bool = False) -> Tensor:
    r"""Compare the similarities of the pixels of both networks to the teacher's regions.

    .. math::
        \frac{1}{M} \sum_i \sum_r P^t_{ir} \log \frac{P^t_{ir}}{P^s_{ir}}, \quad
        P_{ir} = \mathrm{softmax}_r(\cos(f_i, g_r) / T)

    without a factor :math:`T^2`; the regions :math:`g_r` are the teacher's for both networks. The teacher is detached.
    A zero row has the cosine 0. Without a pixel or a region the value is 0, connected to the graph.

    With ``gather`` the regions are those of all processes and the mean is over their pixels, see
    :class:`mmkd.losses.gather.JointRows`.

    After `Cross-Image Relational Knowledge Distillation <https://arxiv.org/abs/2204.06986>`_.

    Args:
        student: Pixels (M, D), already projected to the width of the teacher.
        teacher: The same pixels (M, D).
        regions: Regions (R, D) of the teacher.
        temperature: Divides the cosines before the softmax.
        gather: Whether pixels are compared with the regions of all processes.

    Returns:
        A scalar in float32, or float64 for float64 features.

    Raises:
        ValueError: If the shapes do not fit or the temperature is not positive.
    """
    check_rows(student, teacher)
    check_positive('temperature', temperature)
    if regions.dim() != 2 or regions.shape[1] != student.shape[1]:
        raise ValueError(
            f'The regions have the shape {tuple(regions.shape)}, they must be (R, {student.shape[1]}) as the pixels: '
            'take the regions of the teacher.')
    pixels, columns = JointRows(student, gather), JointRows(regions, gather)
    if not pixels.total or not columns.total:
        return connected_zero(student)
    centres = unit_rows(columns.gather_constant(regions)).mT / temperature
    own, target = (matmul(unit_rows(rows), centres) for rows in (student, teacher.detach()))
    return softmax_divergence(own, target, 1).sum() / pixels.divisor


@MODELS.register_module()
class PixelToRegionLoss(RelationLoss):
    """Module around :func:`pixel_to_region_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the cosines before the softmax.
        gather: Whether pixels are compared with the regions of all processes.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 0.1, *, gather: bool = False, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(gather, loss_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, regions: Tensor) -> Tensor:
        """Return the weighted loss of pixels (M, D) of both networks and regions (R, D) of the teacher."""
        return self.loss_weight * pixel_to_region_loss(student, teacher, regions, self.temperature, gather=self.gather)
