"""How far the distances between all pairs of rows are from those of the teacher."""
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def difference_of_distances(student: Tensor, teacher: Tensor) -> Tensor:
    r"""Compute the mean smooth L1 difference of the distances between all rows, each relative to their mean.

    See :func:`mmkd.losses.relative_distance_loss` for the formula. Equal rows, and a row and itself, have the distance
    0 and no gradient. Distances come from the differences of rows, as matrix products lose the digits of near
    neighbours in float32; each pair is met once. Backward keeps the student's rows and a number per pair.

    Args:
        student: Rows (M, Ds) in float32 or float64.
        teacher: The same rows (M, Dt), without a gradient.

    Returns:
        A scalar in the type of the student's rows.
    """
    return _Difference.apply(student, teacher)


class _Difference(torch.autograd.Function):
    # Written out, because the gradient with respect to the distances is known in the forward pass but for a factor, and
    # from there to the rows a matrix product is several times as fast as what autograd does.

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:
        distances, mean, count = _relative_distances(student)
        target = _relative_distances(teacher)[0].to(distances.dtype)
        share = 2 / len(student) ** 2
        value = F.smooth_l1_loss(distances, target, reduction='sum') * share
        if ctx.needs_input_grad[0]:
            slope = torch.sub(distances, target).clamp_(-1, 1)
            through_mean = torch.dot(slope, distances) / count
            # Dividing by infinity leaves nothing where rows are equal.
            scale = distances.masked_fill_(distances == 0, torch.inf).mul_(mean.square() / share)
            ctx.save_for_backward(student, slope.sub_(through_mean).div_(scale))
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rows, slope = ctx.saved_tensors
        pairs = torch.ones(len(rows), len(rows), dtype=torch.bool, device=rows.device).triu_(1)
        pull = torch.zeros_like(pairs, dtype=slope.dtype).masked_scatter_(pairs, slope * gradient)
        pull = pull + pull.mT
        centred = rows - rows.mean(dim=0)
        with torch.autocast(rows.device.type, enabled=False):
            others = pull @ centred
        return centred.mul_(pull.sum(dim=1, keepdim=True)).sub_(others), None


def _relative_distances(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the distances of all pairs of rows relative to the mean of those above 0, that mean, and their number."""
    distances = F.pdist(rows)
    count = distances.count_nonzero().clamp(min=1)
    mean = distances.sum() / count
    # Without a distance above 0 there is nothing to divide.
    mean.masked_fill_(mean == 0, 1)
    return distances.div_(mean), mean, count
