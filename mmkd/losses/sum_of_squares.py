"""The energy of a feature map at its positions."""
from typing import Any

import torch
from torch import Tensor

from .reduce import compute_dtype

PARTS = 8
"""Half-precision maps are converted in so many parts, so that no float32 map stands beside them."""


def sum_of_squares(feature: Tensor) -> Tensor:
    """Sum the squares of a map (N, C, H, W) over its channels; backward keeps nothing but the map.

    Returns:
        Map (N, H, W) in float32, or float64 for a float64 feature.
    """
    return _SumOfSquares.apply(feature)


class _SumOfSquares(torch.autograd.Function):
    # Written out, because autograd would keep a float32 copy of a half-precision map.

    @staticmethod
    def forward(ctx: Any, feature: Tensor) -> Tensor:
        ctx.save_for_backward(feature)
        dtype = compute_dtype(feature)
        if feature.stride(1) == 1:
            return torch.linalg.vector_norm(feature, dim=1, dtype=dtype).square_()
        # Where channels are not neighbours in memory, that norm takes ten times as long on a CPU as squares and a sum.
        return torch.cat([part.to(dtype).square().sum(dim=1) for part in feature.chunk(PARTS)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (feature,) = ctx.saved_tensors
        slope = (2 * gradient).unsqueeze(1)
        if slope.dtype == feature.dtype:
            return feature * slope
        result = torch.empty_like(feature)
        for part, *factors in zip(*(tensor.chunk(PARTS) for tensor in (result, feature, slope)), strict=True):
            part.copy_(factors[0] * factors[1])
        return result
