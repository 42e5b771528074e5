"""DIST as published: Huang et al., 2022."""

import torch.nn.functional as F
from torch import Tensor


def class_correlation(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """T² (1 - mean correlation over classes of a row + 1 - mean correlation over rows of a class), logits (N, K)."""
    own = F.softmax(student / temperature, dim=1)
    target = F.softmax(teacher.detach() / temperature, dim=1)
    inter = 1 - correlation(own, target).mean()
    intra = 1 - correlation(own.t(), target.t()).mean()
    return temperature**2 * (inter + intra)


def correlation(left: Tensor, right: Tensor, eps: float = 1e-8) -> Tensor:
    """Pearson's correlation of corresponding rows."""
    left, right = (rows - rows.mean(dim=1, keepdim=True) for rows in (left, right))
    return (left * right).sum(dim=1) / (left.norm(dim=1) * right.norm(dim=1) + eps)
