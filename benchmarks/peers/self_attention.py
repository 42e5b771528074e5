"""Self-attention distillation as published: Hou et al., 2019."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor


def self_attention(stages: Sequence[Tensor]) -> Tensor:
    """Every stage learns the spatial softmax of the energy of the next one; squared distance, mean over images."""
    total = stages[0].new_zeros(())
    for own, deeper in pairwise(stages):
        energy = own.pow(2).mean(dim=1, keepdim=True)
        target = deeper.detach().pow(2).mean(dim=1, keepdim=True)
        target = F.interpolate(target, size=own.shape[2:], mode='bilinear', align_corners=False)
        difference = F.softmax(energy.flatten(1), dim=1) - F.softmax(target.flatten(1), dim=1)
        total = total + difference.pow(2).sum() / len(own)
    return total
