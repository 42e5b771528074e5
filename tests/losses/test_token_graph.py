"""TokenGraphLoss against numbers computed by hand, a second implementation and recorded ones."""
import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import TokenGraphLoss, token_graph_loss
from mmkd.registry import MODELS
from tests import reference
from tests.losses.common import (
    check_compile,
    check_connected_zero,
    check_large,
    check_precision,
    check_teacher_detached,
    gradient,
    matrices_kept,
    normal,
)

FORMS = list(itertools.product(('own', 'teacher'), ('all', 'edge')))


def tokens(count=12):
    return normal(count, 5), normal(count, 3, seed=1)


def literal(student, teacher, num_neighbors=9, sigma=1.0, graph='own', softmax='all'):
    """The formula of the docstring with all matrices written out."""
    adjacency, edges = [], []
    for tensor in (student, teacher):
        distance = torch.cdist(F.normalize(tensor), F.normalize(tensor), compute_mode='donot_use_mm_for_euclid_dist')
        rank = distance.detach().clone().fill_diagonal_(float('inf')).argsort(dim=1).argsort(dim=1)
        edges.append(rank < min(num_neighbors, len(tensor) - 1))
        adjacency.append((-distance ** 2 / (2 * sigma)).exp())
    if graph == 'teacher':
        edges[0] = edges[1]
    divergence = []
    for row in range(len(student)):
        own, target = [torch.where(edge[row], graph[row], 0) for graph, edge in zip(adjacency, edges, strict=True)]
        columns = edges[0][row] | edges[1][row] if softmax == 'edge' else slice(None)
        own, target = own[columns].log_softmax(dim=0), target[columns].log_softmax(dim=0)
        divergence.append((target.exp() * (target - own)).sum())
    return torch.stack(divergence).mean()


# smoke

def test_is_registered_and_returns_a_scalar():
    loss = MODELS.build(dict(type='TokenGraphLoss', num_neighbors=2, sigma=0.5, graph='teacher', softmax='edge',
                             loss_weight=0.5))
    value = loss(torch.randn(4, 3), torch.randn(4, 5))
    assert value.shape == () and value.dtype == torch.float32
    assert "num_neighbors=2, sigma=0.5, graph='teacher', softmax='edge', loss_weight=0.5" in repr(loss)


# exceptions

@pytest.mark.parametrize('arguments, text', [
    (dict(num_neighbors=0), 'num_neighbors is 0, it must be at least 1'),
    (dict(sigma=0.0), 'sigma is 0.0, it must be greater than 0'),
    (dict(graph='student'), "graph is 'student', it must be one of own, teacher"),
    (dict(softmax='none'), "softmax is 'none', it must be one of all, edge"),
    (dict(loss_weight=-0.1), 'loss_weight is -0.1, it must be at least 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        TokenGraphLoss(**arguments)


def test_bad_calls():
    student, teacher = tokens()
    with pytest.raises(ValueError, match='with equal M: take the same rows of both'):
        token_graph_loss(student, teacher[1:])
    with pytest.raises(ValueError, match="graph is 'both'"):
        token_graph_loss(student, teacher, graph='both')


# shapes

@pytest.mark.parametrize('count, neighbors', [(2, 1), (2, 9), (5, 4), (12, 1), (12, 3), (12, 11), (12, 99)])
@pytest.mark.parametrize('graph, softmax', FORMS)
def test_is_the_formula_with_all_matrices_written_out(count, neighbors, graph, softmax):
    arguments = neighbors, 0.3, graph, softmax
    for one, other in zip(gradient(token_graph_loss, *tokens(count), *arguments),
                          gradient(literal, *tokens(count), *arguments), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


# values

@pytest.mark.parametrize('case', reference.cases('trg', of='TokenGraphLoss'))
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
def test_reference(case, dtype):
    reference.check_loss(TokenGraphLoss(**case['args']), case, dtype)


@pytest.mark.parametrize('graph, softmax', FORMS)
def test_three_tokens_by_hand(graph, softmax):
    half, full = math.exp(0.5), math.exp(1)
    # Angles 0, 60 and 180 degrees: the nearest are 1, 0 and 1 at the cosines 1/2, 1/2 and -1/2. With this sigma their
    # edges are 1/2, 1/2 and 1/8.
    teacher = torch.tensor([[1.0, 0.0], [0.5, 0.75 ** 0.5], [-1.0, 0.0]])
    student = torch.tensor([[1.0, 0.0], [1.0, 1e-3], [-0.1, 1.0]])  # the same neighbours, two of them at a cosine of 1
    value = token_graph_loss(student, teacher, 1, 0.5 / math.log(2), graph, softmax).item()
    if softmax == 'edge':  # a softmax over one column
        assert value == pytest.approx(0, abs=1e-7)
        return
    edge = math.exp(2 ** (2 * (torch.cosine_similarity(student[1:2], student[2:3]).item() - 1)))
    far = math.exp(1 / 8)
    rows = [(half, full), (half, full), (far, edge)]
    expected = sum(t * math.log(t / s) / (t + 2) - math.log((t + 2) / (s + 2)) for t, s in rows) / 3
    assert value == pytest.approx(expected, rel=1e-4)


def test_disjoint_neighbours_by_hand():
    # Neighbour of token 0: token 1 for the teacher, token 2 for the student; the union of both edges is {1, 2}.
    angles = torch.tensor([[0.0, 40.0, 100.0], [0.0, 100.0, 40.0]]).deg2rad()
    teacher, student = torch.stack([angles.cos(), angles.sin()], dim=-1).double()
    a, b, c = [math.exp(math.exp(math.cos(math.radians(angle)) - 1)) for angle in (40, 60, 100)]
    assert c < b < a  # nearest of the third token: the second, at 60 degrees, and the other way round
    target, own = [a, 1], [1, a]
    row_0 = sum(t / (a + 1) * math.log(t / s) for t, s in zip(target, own, strict=True))
    # token 1: teacher 0 (40 degrees), student 2 (60); token 2: teacher 1 (60), student 0 (40)
    row_1 = a / (a + 1) * math.log(a * (b + 1) / (a + 1)) + 1 / (a + 1) * math.log((b + 1) / (b * (a + 1)))
    row_2 = b / (b + 1) * math.log(b * (a + 1) / (b + 1)) + 1 / (b + 1) * math.log((a + 1) / (a * (b + 1)))
    value = token_graph_loss(student, teacher, num_neighbors=1, softmax='edge')
    assert value.item() == pytest.approx((row_0 + row_1 + row_2) / 3, rel=1e-5)


@pytest.mark.parametrize('graph, softmax', FORMS)
def test_scale_and_order_of_tokens_and_turned_tokens(graph, softmax):
    student, teacher = tokens()
    value = token_graph_loss(student, teacher, 3, 1.0, graph, softmax)
    scale = torch.arange(1, 13).double().unsqueeze(1)
    torch.testing.assert_close(token_graph_loss(scale * student, teacher / scale, 3, 1.0, graph, softmax), value)
    order = torch.randperm(12)
    torch.testing.assert_close(token_graph_loss(student[order], teacher[order], 3, 1.0, graph, softmax), value)
    turn = torch.linalg.qr(normal(3, 3, seed=2)).Q
    same = token_graph_loss(teacher @ turn, teacher, 3, 1.0, graph, softmax)
    torch.testing.assert_close(same, torch.zeros(()).double())
    module = TokenGraphLoss(3, graph=graph, softmax=softmax, loss_weight=0.5)
    torch.testing.assert_close(module(student, teacher), 0.5 * value)


def test_small_values_keep_their_digits_in_float32():
    student, teacher = normal(400, 16), normal(400, 16, seed=1)
    student[:, :12] = teacher[:, :12]
    expected, expected_slope = gradient(token_graph_loss, student, teacher, 9, 1.0, 'teacher')
    value, slope = gradient(token_graph_loss, student.float(), teacher.float(), 9, 1.0, 'teacher')
    assert 0 < expected < 1e-3
    torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=0)
    torch.testing.assert_close(slope.double(), expected_slope, rtol=1e-4, atol=1e-4 * expected_slope.abs().max().item())


@pytest.mark.parametrize('graph, softmax', FORMS)
@pytest.mark.parametrize('sigma', [1.0, 1e-3])
def test_equal_and_zero_tokens_are_finite(graph, softmax, sigma):
    student, teacher = torch.ones(6, 3), torch.randn(6, 4)
    student[4:] = 0
    teacher[2:] = 0
    value, slope = gradient(token_graph_loss, student, teacher, 2, sigma, graph, softmax)
    assert value.isfinite() and slope.isfinite().all() and slope[4:].eq(0).all()


@pytest.mark.parametrize('graph, softmax', FORMS)
def test_fewer_than_two_tokens_are_a_connected_zero(graph, softmax):
    hot = torch.tensor([[65504.0, float('inf'), float('nan')]], dtype=torch.float16)
    for count in (0, 1):
        check_connected_zero(token_graph_loss, hot[:count], torch.ones(1, 2)[:count], 9, 1.0, graph, softmax)


@pytest.mark.parametrize('graph, softmax', FORMS)
def test_precision(graph, softmax):
    check_precision(lambda *inputs: token_graph_loss(*inputs, 3, 0.3, graph, softmax), *tokens())
    check_large(lambda *inputs: token_graph_loss(*inputs, 3, 0.3, graph, softmax), *tokens())


@pytest.mark.parametrize('graph, softmax', FORMS)
def test_teacher_is_detached(graph, softmax):
    check_teacher_detached(token_graph_loss, *tokens(), 3, 1.0, graph, softmax)


@pytest.mark.parametrize('graph, kept', [('own', 0), ('teacher', 1)])
@pytest.mark.parametrize('softmax', ['all', 'edge'])
def test_backward_keeps_at_most_the_cosines_of_the_student(graph, kept, softmax):
    assert matrices_kept(token_graph_loss, 64 * 64, *tokens(64), 9, 1.0, graph, softmax) == kept


# gradcheck

@pytest.mark.parametrize('graph, softmax', FORMS)
def test_gradcheck(graph, softmax):
    student, teacher = tokens(6)
    assert gradcheck(lambda x: token_graph_loss(x, teacher, 2, 0.5, graph, softmax), student.requires_grad_())


# compile

@pytest.mark.parametrize('graph, softmax', FORMS)
def test_compile_in_one_graph(graph, softmax):
    check_compile(TokenGraphLoss(3, 0.5, graph, softmax, loss_weight=0.5), *tokens())
