"""Weighted sums of feature maps."""
from typing import Any

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
        return _WeightedSum.apply(weight, *feats)


class _WeightedSum(torch.autograd.Function):
    # Written out, because autograd would make a map of products for every weight only to sum it up, and the fusions
    # are a good part of a self-teacher's step.

    @staticmethod
    def forward(ctx: Any, weight: Tensor, *feats: Tensor) -> Tensor:
        ctx.save_for_backward(weight, *feats)
        weights = weight.to(feats[0].dtype).unbind()
        fused = weights[0] * feats[0]
        for scale, feat in zip(weights[1:], feats[1:], strict=True):
            fused.addcmul_(scale, feat)
        return fused

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        weight, *feats = ctx.saved_tensors
        to_feats = [scale * gradient for scale in weight.to(gradient.dtype).unbind()]
        to_weight = torch.stack([_inner_product(gradient, feat) for feat in feats]).to(weight.dtype)
        return to_weight, *to_feats


def _inner_product(left: Tensor, right: Tensor) -> Tensor:
    dtype = torch.float64 if left.dtype == torch.float64 else torch.float32
    # In channels-last memory order, or flattening would copy.
    last = left.is_contiguous(memory_format=torch.channels_last)
    rows = [(feat.permute(0, 2, 3, 1) if last else feat).reshape(-1).to(dtype) for feat in (left, right)]
    return torch.dot(*rows)
