"""The terms of TRG as published, with its tokens normalised: arXiv 2306.12442."""

import torch
import torch.nn.functional as F
from torch import Tensor


def token_graph(student: Tensor, teacher: Tensor, neighbors: int = 9, sigma: float = 1.0) -> Tensor:
    """The local term: KL of the row softmaxes of two graphs of nearest neighbours of tokens (M, D), mean over rows."""
    own, target = (_graph(tokens, neighbors, sigma) for tokens in (student, teacher.detach()))
    return F.kl_div(F.log_softmax(own, dim=1), F.softmax(target, dim=1), reduction='batchmean')


def token_contrast(student: Tensor, teacher: Tensor, temperature: float = 0.07) -> Tensor:
    """The global term: every token of the student finds its counterpart among the teacher's."""
    cosines = F.normalize(student, dim=1) @ F.normalize(teacher.detach(), dim=1).t()
    return F.cross_entropy(cosines / temperature, torch.arange(len(student)))


def contextual(student: Tensor, teacher: Tensor) -> Tensor:
    """The inner term: the mean squared difference of the self-attention of tokens (B, N, D)."""
    own, target = (
        F.softmax(tokens @ tokens.transpose(1, 2) / tokens.shape[2] ** 0.5, dim=2)
        for tokens in (student, teacher.detach())
    )
    return F.mse_loss(own, target)


def _graph(tokens: Tensor, neighbors: int, sigma: float) -> Tensor:
    unit = F.normalize(tokens, dim=1)
    squared = (2 - 2 * unit @ unit.t()).clamp(min=0)
    itself = torch.eye(len(tokens), dtype=torch.bool)
    nearest = squared.masked_fill(itself, float('inf')).topk(neighbors, largest=False).indices
    is_edge = torch.zeros_like(itself).scatter(1, nearest, True)
    return torch.exp(-squared / (2 * sigma)) * is_edge
