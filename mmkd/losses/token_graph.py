"""Token graph: tokens have the same neighbours, equally near, as in the teacher."""
from collections.abc import Callable

from torch import Tensor

from mmkd.registry import MODELS

from .gather import JointRows, RelationLoss
from .reduce import check_positive, connected_zero
from .rows import check_rows, inner_products, unit_rows

GRAPHS = ('own', 'teacher')
SOFTMAXES = ('all', 'edge')


def token_graph_loss(student: Tensor, teacher: Tensor, num_neighbors: int = 9, sigma: float = 1.0,
                     graph: str = 'own', softmax: str = 'all', *, gather: bool = False) -> Tensor:
    r"""Compare the nearest-neighbour graphs of the tokens of student and teacher, the local term of TRG.

    .. math::
        \frac{1}{M} \sum_i \sum_j P^t_{ij} \log \frac{P^t_{ij}}{P^s_{ij}}, \quad P_i = \mathrm{softmax}_j(A_{ij}), \quad
        A_{ij} = \exp(-\|u_i - u_j\|^2 / 2 \sigma) \text{ if } j \in \mathrm{kNN}(i), \text{ else } 0

    with L2-normalised tokens :math:`u`, so that :math:`A_{ij} = \exp((\cos_{ij} - 1) / \sigma)`. A token is not its own
    neighbour, and there are at most M - 1 neighbours.

    - ``graph='own'``: every network has its own neighbours; ``'teacher'``: both take the teacher's.
    - ``softmax='all'``: over all M columns; ``'edge'``: over the columns that are an edge in either graph.

    The teacher is detached. A zero token has the cosine 0 with all others. With fewer than two tokens the value is 0,
    connected to the graph. One matrix (M, M) of cosines is built per network; all else is (M, k), and so is what
    backward keeps with ``graph='own'``. With ``'teacher'`` it keeps the student's cosines.

    With ``gather`` the neighbours are looked for among the tokens of all processes, as in one process with the joint
    batch: the mean over the processes is the loss of that batch, and so is its gradient, see
    :class:`mmkd.losses.gather.JointRows`.

    Paper: `Knowledge Distillation via Token-level Relationship Graph <https://arxiv.org/abs/2306.12442>`_

    Args:
        student: Tokens (M, Ds).
        teacher: Tokens (M, Dt) at the same positions.
        num_neighbors: Neighbours k of every token, at least 1.
        sigma: Width of the kernel, not squared.
        graph: ``'own'`` or ``'teacher'``.
        softmax: ``'all'`` or ``'edge'``.
        gather: Whether the tokens are related to those of all processes, not of this one alone.

    Returns:
        A scalar in float32, or float64 for float64 tokens.

    Raises:
        ValueError: If the shapes do not fit or an argument is not legal.
    """
    check_rows(student, teacher, same_width=False)
    _check_arguments(num_neighbors, sigma, graph, softmax)
    joint = JointRows(student, gather)
    if joint.total < 2:
        return connected_zero(student)
    neighbors = min(num_neighbors, joint.total - 1)
    table = _cosines(teacher.detach(), joint, joint.gather_constant)
    closeness, nearest = table.topk(neighbors)
    edges = _edges(closeness, sigma)
    # The teacher's cosines are done with: their place takes its graph, where -1, which no edge has, means no edge.
    table.fill_(-1).scatter_(1, nearest, edges)
    cosines = _cosines(student, joint, joint.gather)
    if graph == 'own':
        closeness, nearest = cosines.topk(neighbors)
    else:
        closeness = cosines.gather(1, nearest)
    counterparts = table.gather(1, nearest)
    columns = joint.total if softmax == 'all' else 2 * neighbors - (counterparts >= 0).sum(dim=1)
    divergence = _divergence(_edges(closeness, sigma), edges, counterparts.clamp(min=0), columns - neighbors)
    return divergence.sum() / joint.divisor


@MODELS.register_module()
class TokenGraphLoss(RelationLoss):
    """Module around :func:`token_graph_loss`, which tells the formula.

    Args:
        num_neighbors: Neighbours of every token, at least 1.
        sigma: Width of the kernel, not squared.
        graph: ``'own'`` neighbours for every network, or the ``'teacher'``'s for both.
        softmax: Over ``'all'`` columns, or over those with an ``'edge'``.
        gather: Whether the tokens are related to those of all processes, not of this one alone.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If an argument is not legal.
    """

    def __init__(self, num_neighbors: int = 9, sigma: float = 1.0, graph: str = 'own', softmax: str = 'all', *,
                 gather: bool = False, loss_weight: float = 1.0) -> None:
        _check_arguments(num_neighbors, sigma, graph, softmax)
        super().__init__(gather, loss_weight, num_neighbors=num_neighbors, sigma=sigma, graph=graph, softmax=softmax)

    def forward(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted loss of tokens (M, Ds) and (M, Dt) at the same positions."""
        value = token_graph_loss(student, teacher, self.num_neighbors, self.sigma, self.graph, self.softmax,
                                 gather=self.gather)
        return self.loss_weight * value


def _cosines(tokens: Tensor, joint: JointRows, gather: Callable[[Tensor], Tensor]) -> Tensor:
    unit = unit_rows(tokens)
    cosines = inner_products(unit, gather(unit))
    cosines.diagonal(joint.offset).fill_(-float('inf'))
    return cosines


def _edges(closeness: Tensor, sigma: float) -> Tensor:
    return ((closeness - 1) / sigma).exp()


def _divergence(own: Tensor, target: Tensor, counterparts: Tensor, others: int | Tensor) -> Tensor:
    """Return the divergence (M,) of row softmaxes over k edges and a number of further columns that hold 0.

    All three tensors are (M, k): the student's edges, the teacher's, and the teacher's entries at the student's edges.
    A column that holds 0 adds 1 to a denominator and nothing else, so that the rows need not be written out.
    """
    total = target.exp().sum(dim=1) + others
    growth = (own.exp().sum(dim=1) - target.exp().sum(dim=1)) / total
    excess = (target.exp() * target).sum(dim=1) - (counterparts.exp() * own).sum(dim=1)
    # Among many columns the logarithms of both denominators differ in their last digits only; log1p keeps those.
    return excess / total + growth.log1p()


def _check_arguments(num_neighbors: int, sigma: float, graph: str, softmax: str) -> None:
    if num_neighbors < 1:
        raise ValueError(f'num_neighbors is {num_neighbors}, it must be at least 1: every token needs a neighbour.')
    check_positive('sigma', sigma)
    if graph not in GRAPHS:
        raise ValueError(f'graph is {graph!r}, it must be one of {", ".join(GRAPHS)}: choose one.')
    if softmax not in SOFTMAXES:
        raise ValueError(f'softmax is {softmax!r}, it must be one of {", ".join(SOFTMAXES)}: choose one.')
