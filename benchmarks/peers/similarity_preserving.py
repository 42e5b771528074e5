"""Similarity-preserving distillation as published: Tung and Mori, 2019."""

import torch.nn.functional as F
from torch import Tensor


def similarity_preserving(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of the B x B matrices of inner products, normalised by row; features (B, *)."""
    own, target = (_similarity(features) for features in (student, teacher.detach()))
    return (own - target).pow(2).sum() / len(own) ** 2


def _similarity(features: Tensor) -> Tensor:
    rows = features.flatten(1)
    return F.normalize(rows @ rows.t(), dim=1)
