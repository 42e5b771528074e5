"""Relational knowledge distillation as published: Park et al., 2019."""

import torch
import torch.nn.functional as F
from torch import Tensor


def distances(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the distances of all pairs of rows, each relative to its mean."""
    return F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher.detach()))


def angles(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the cosines of the angles of all triples of rows."""
    return F.smooth_l1_loss(_angles(student), _angles(teacher.detach()))


def _relative_distances(rows: Tensor) -> Tensor:
    squares = rows.pow(2).sum(dim=1)
    squared = (squares.unsqueeze(1) + squares.unsqueeze(0) - 2 * rows @ rows.t()).clamp(min=1e-12)
    # A row has no distance to itself, and the root of 0 no gradient.
    distance = squared.sqrt() * (1 - torch.eye(len(rows), dtype=rows.dtype))
    return distance / distance[distance > 0].mean()


def _angles(rows: Tensor) -> Tensor:
    directions = F.normalize(rows.unsqueeze(0) - rows.unsqueeze(1), dim=2)
    return torch.bmm(directions, directions.transpose(1, 2))
