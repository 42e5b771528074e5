"""Soft targets as published: Hinton et al., 2015."""

import torch.nn.functional as F
from torch import Tensor


def soft_targets(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T² KL(teacher || student) of logits (N, K), mean over the rows."""
    log_student = F.log_softmax(student / temperature, dim=1)
    target = F.softmax(teacher.detach() / temperature, dim=1)
    return temperature**2 * F.kl_div(log_student, target, reduction='batchmean')


def pixel_soft_targets(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """The same for logits (N, K, H, W): mean over images and positions."""
    log_student = F.log_softmax(student / temperature, dim=1)
    target = F.softmax(teacher.detach() / temperature, dim=1)
    divergence = (target * (target.log() - log_student)).sum(dim=1)
    return temperature**2 * divergence.mean()
