"""Channel-wise distillation: every channel of the student is as active as the teacher's at the same places."""
from torch import Tensor

from mmkd.registry import MODELS

from .divergence import softmax_divergence
from .maps import check_maps
from .reduce import check_positive
from .weighted import WeightedLoss


def channel_wise_loss(student: Tensor, teacher: Tensor, temperature: float = 4.0,
                      mask: Tensor | None = None) -> Tensor:
    r"""Compute the divergence between the spatial distributions of the channels of a teacher and a student.

    .. math::
        \frac{T^2}{N C} \sum_{n, c} \sum_p t_{ncp} \log \frac{t_{ncp}}{s_{ncp}}, \quad
        t_{nc} = \mathrm{softmax}_p(f^t_{nc} / T), \; s_{nc} = \mathrm{softmax}_p(f^s_{nc} / T)

    with the softmax over the positions :math:`p` of one channel, under a mask over those that count; an image without
    one is left out. The teacher is detached. Without an element the value is 0, connected to the graph.

    Paper: `Channel-wise Knowledge Distillation for Dense Prediction <https://arxiv.org/abs/2011.13256>`_

    Args:
        student: Features or logits (N, C, H, W).
        teacher: The same shape.
        temperature: Divides the maps before the softmax.
        mask: Bool (N, H, W), True where a position counts (padding does not). Defaults to None: all of them.

    Returns:
        A scalar in float32, or float64 for float64 maps.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool, or the temperature is not positive.
    """
    check_maps(student, teacher, mask)
    check_positive('temperature', temperature)
    hidden = None if mask is None else ~mask.flatten(1).unsqueeze(1)
    divergence = softmax_divergence(student.flatten(2), teacher.flatten(2), 2, temperature, hidden).sum()
    if mask is None:
        return divergence * (temperature ** 2 / max(student.shape[0] * student.shape[1], 1))
    images = mask.flatten(1).any(dim=1).sum()
    return divergence * temperature ** 2 / (images * student.shape[1]).clamp(min=1)


@MODELS.register_module()
class ChannelWiseLoss(WeightedLoss):
    """Module around :func:`channel_wise_loss`, which tells the formula.

    ``temperature`` is a plain attribute and may be set anew before every step.

    Args:
        temperature: Divides the maps before the softmax.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the temperature is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 4.0, loss_weight: float = 1.0) -> None:
        check_positive('temperature', temperature)
        super().__init__(loss_weight, temperature=temperature)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of maps (N, C, H, W), under a bool mask (N, H, W)."""
        return self.loss_weight * channel_wise_loss(student, teacher, self.temperature, mask)
