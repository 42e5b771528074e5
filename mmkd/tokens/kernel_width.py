"""A width for the kernel of a token graph, read off the teacher."""

import torch
from torch import Tensor

from mmkd.losses.gather import JointRows
from mmkd.losses.rows import matmul, unit_rows


@torch.no_grad()
def median_distance(tokens: Tensor, num_neighbors: int, gather: bool = False) -> float:
    """The median squared distance of L2-normalised tokens to their nearest neighbours.

    Args:
        tokens: Tokens (M, D) of the teacher.
        num_neighbors: How many neighbours of each token count.
        gather: Whether the tokens of all processes are related; all of them then get the same number.

    Returns:
        A number above 0, and 1 for fewer than two tokens.
    """
    joint = JointRows(tokens, gather)
    if joint.total < 2:
        return 1.0
    rows = joint.gather_constant(unit_rows(tokens))
    cosines = matmul(rows, rows.mT).fill_diagonal_(-float('inf'))
    nearest = cosines.topk(min(num_neighbors, joint.total - 1)).values
    # Equal tokens would make a kernel without width; their edges are 1 whatever it is.
    return max((2 - 2 * nearest).median().item(), 1e-6)
