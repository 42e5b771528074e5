"""FitNet: regressed maps of the student equal the teacher's."""
from collections.abc import Sequence

from torch import Tensor

from mmkd.registry import MODELS

from .attention_map import Levels, Masks
from .feature_mse import feature_mse_loss
from .regressors import build_regressors, regressed
from .weighted import WeightedLoss


@MODELS.register_module()
class FitNetLoss(WeightedLoss):
    r"""Mean squared difference of regressed student maps and teacher maps, summed over levels.

    .. math::
        \sum_l \mathrm{mean}\big( (r_l(f^s_l) - f^t_l)^2 \big)

    with a regressor :math:`r_l` per level, 1x1 convolution, batch norm and ReLU, and the mean over N, channels and
    positions. The teacher is detached; the regressors are trained by this loss alone.

    Paper: `FitNets: Hints for Thin Deep Nets <https://arxiv.org/abs/1412.6550>`_. One loss for all levels, and batch
    norm and ReLU in the regressors, are the form of `Refine Myself by Teaching Myself
    <https://arxiv.org/abs/2103.08273>`_, which compares its attention maps with it.

    Args:
        in_channels: Channels of the student's maps, one per level.
        out_channels: Channels of the teacher's maps.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If the channels do not pair up or the weight is negative.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: Sequence[int], loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.regressors = build_regressors(in_channels, out_channels, rectify=True)

    def forward(self, student: Levels, teacher: Levels, mask: Masks = None) -> Tensor:
        """Return the weighted loss.

        Args:
            student: Map (N, in_channels[l], H, W), or a sequence of them, one per level.
            teacher: Map (N, out_channels[l], H, W), or a sequence of them.
            mask: Bool (N, H, W), True where a position counts (padding does not), or one per level. Defaults to None:
                all of them.

        Returns:
            A scalar in float32, or float64 for float64 maps.

        Raises:
            ValueError: If the shapes do not fit.
        """
        levels = regressed(self.regressors, student, teacher, mask)
        return self.loss_weight * sum(
            feature_mse_loss(own, target, None if counts is None else counts.squeeze(1))
            for own, target, counts in levels)
