"""The pair-wise term of structured knowledge distillation as published: Liu et al., 2019."""

import torch
import torch.nn.functional as F
from torch import Tensor


def pairwise_similarity(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of the cosines of all pairs of positions of maps (N, C, H, W), H W x H W each."""
    own, target = (_cosines(maps) for maps in (student, teacher.detach()))
    return (own - target).pow(2).mean()


def _cosines(maps: Tensor) -> Tensor:
    unit = F.normalize(maps.flatten(2), dim=1)
    return torch.einsum('ncp,ncq->npq', unit, unit)
