"""Decoupled knowledge distillation as published: Zhao et al., 2022."""

import torch
import torch.nn.functional as F
from torch import Tensor


def decoupled_soft_targets(
    student: Tensor, teacher: Tensor, labels: Tensor, alpha: float = 1.0, beta: float = 8.0, temperature: float = 4.0
) -> Tensor:
    """T² (alpha KL of target or not + beta KL among the other classes) of logits (N, K) with labels (N,), mean."""
    teacher = teacher.detach()
    is_target = F.one_hot(labels, student.shape[1]).bool()
    own, target = F.softmax(student / temperature, dim=1), F.softmax(teacher / temperature, dim=1)
    own_pair, target_pair = (
        torch.stack([(share * is_target).sum(dim=1), (share * ~is_target).sum(dim=1)], dim=1)
        for share in (own, target)
    )
    of_target = F.kl_div(own_pair.log(), target_pair, reduction='batchmean')
    # The target's logit is made so small that its share of the softmax vanishes.
    own_rest, target_rest = (logits / temperature - 1000.0 * is_target for logits in (student, teacher))
    of_others = F.kl_div(F.log_softmax(own_rest, dim=1), F.softmax(target_rest, dim=1), reduction='batchmean')
    return temperature**2 * (alpha * of_target + beta * of_others)
