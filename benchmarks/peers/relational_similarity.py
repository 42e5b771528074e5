"""The relational term of MLKD as published: Ding et al., 2020; and between all rows, as for one view of an image."""

import torch
import torch.nn.functional as F
from torch import Tensor


def views_similarity(student: Tensor, teacher: Tensor, views: int = 4, temperature: float = 0.5) -> Tensor:
    """KL of the row softmax of cosines between turned views (rows) and upright ones (columns), image-major rows.

    As the authors' code does, both sides are expanded to rows by columns by width before the cosine.
    """
    divergence = [
        _cosines(features.unflatten(0, (-1, views))[:, 1:].flatten(0, 1), features[::views])
        for features in (student, teacher.detach())
    ]
    return _divergence(*divergence, temperature)


def rows_similarity(student: Tensor, teacher: Tensor, temperature: float = 0.5) -> Tensor:
    """The same between every row and all others."""
    others = ~torch.eye(len(student), dtype=torch.bool)
    own, target = (
        (F.normalize(rows, dim=1) @ F.normalize(rows, dim=1).t())[others].view(len(rows), -1)
        for rows in (student, teacher.detach())
    )
    return _divergence(own, target, temperature)


def _cosines(rows: Tensor, columns: Tensor) -> Tensor:
    size = (len(rows), len(columns), rows.shape[1])
    return F.cosine_similarity(rows.unsqueeze(1).expand(size), columns.unsqueeze(0).expand(size), dim=2)


def _divergence(own: Tensor, target: Tensor, temperature: float) -> Tensor:
    log_own = F.log_softmax(own / temperature, dim=1)
    return F.kl_div(log_own, F.softmax(target / temperature, dim=1), reduction='batchmean')
