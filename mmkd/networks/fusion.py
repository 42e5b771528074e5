"""Weighted sums of feature maps."""
import torch
from torch import Tensor, nn


class FastNormalizedFusion(nn.Module):
    r"""The fast normalised fusion of EfficientDet: a weighted sum with learned weights.

    .. math::
        \sum_j \frac{\mathrm{relu}(v_j)}{\sum_k \mathrm{relu}(v_k) + \epsilon} a_j

    Paper: `EfficientDet: Scalable and Efficient Object Detection <https://arxiv.org/abs/1911.09070>`_

    Args:
        num_inputs: Number of maps.
        eps: Added to the sum of the weights.
    """

    def __init__(self, num_inputs: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_inputs))
        self.eps = eps

    def forward(self, *feats: Tensor) -> Tensor:
        """Return the fused map of ``num_inputs`` maps (N, C, H, W)."""
        weight = self.weight.relu()
        weight = weight / (weight.sum() + self.eps)
        return sum(weight[index] * feat for index, feat in enumerate(feats))
