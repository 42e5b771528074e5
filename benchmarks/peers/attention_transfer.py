"""Attention transfer as published, in the form that FRSKD uses: Zagoruyko and Komodakis, 2017."""

import torch.nn.functional as F
from torch import Tensor


def attention(feat: Tensor) -> Tensor:
    """The channel mean of the squares of a map (N, C, H, W), as a row of length 1 per image."""
    return F.normalize(feat.pow(2).mean(dim=1).flatten(1))


def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of the attention maps of one level."""
    return (attention(student) - attention(teacher.detach())).pow(2).mean()
