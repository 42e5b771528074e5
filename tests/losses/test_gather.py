"""Two processes that gather are one process with the joint batch, in value and gradient."""

import pytest
import torch

from mmkd.losses import (
    CategoricalSimilarityLoss,
    RelationalSimilarityLoss,
    TokenContrastLoss,
    TokenGraphLoss,
)
from mmkd.losses.gather import JointRows
from tests.losses.common import normal
from tests.processes import WORLD_SIZE, mean, run_in_two

LOSSES = {
    'relational': (RelationalSimilarityLoss, dict(loss_weight=0.5)),
    'relational, four views': (RelationalSimilarityLoss, dict(temperature=0.2)),
    'categorical': (CategoricalSimilarityLoss, dict(temperature=0.2)),
    'categorical, large eps': (CategoricalSimilarityLoss, dict(temperature=0.5, eps=0.1)),
    'contrast': (TokenContrastLoss, dict(temperature=0.2)),
    **{
        f'graph, {graph}, {softmax}': (TokenGraphLoss, dict(num_neighbors=3, graph=graph, softmax=softmax))
        for graph in ('own', 'teacher')
        for softmax in ('all', 'edge')
    },
}
COUNTS = [(8, 8), (4, 8), (12, 4), (8, 0), (0, 8), (4, 0), (0, 0)]
FEW = [(1, 1), (1, 2), (2, 0), (1, 0), (0, 1)]  # no four views
CASES = [(name, counts) for name in LOSSES for counts in COUNTS + (FEW if 'views' not in name else [])]


def outcome(name, counts, rank=None, gather=True):
    """Value and gradients of the rows of one process, or of all."""
    kind, arguments = LOSSES[name]
    own = slice(None) if rank is None else slice(sum(counts[:rank]), sum(counts[: rank + 1]))
    student, teacher = [normal(sum(counts), 4, seed=seed)[own].requires_grad_() for seed in (0, 1)]
    more = [torch.arange(sum(counts))[own] % 3] if 'categorical' in name else [4] if 'views' in name else []
    value = kind(**arguments, gather=gather)(student, teacher, *more)
    value.backward()
    return value.detach(), student.grad, teacher.grad


def joint_rows(rank):
    """What the rows of a process, 2 of the first and 3 of the second, are among those of both."""
    rows = torch.full((2 + rank, 1), 1.0 + rank, requires_grad=True)
    joint = JointRows(rows, gather=True)
    gathered = joint.gather(rows)
    (gathered.squeeze(1) * torch.arange(1, 6) * (1 + rank)).sum().backward()
    labels = joint.gather_constant(torch.arange(2 + rank))
    constants = joint.gather_constant(rows)
    return joint.counts, joint.offset, joint.divisor, gathered.detach(), rows.grad, labels, constants.requires_grad


def work(rank):
    outcomes = {case: outcome(*case, rank) for case in CASES}
    return outcomes, joint_rows(rank), {name: outcome(name, (8, 8), rank, gather=False) for name in LOSSES}


@pytest.fixture(scope='module')
def processes(tmp_path_factory):
    return run_in_two(work, tmp_path_factory.mktemp('gather'))


@pytest.mark.parametrize('name, counts', CASES)
def test_two_processes_are_one_with_the_joint_batch(processes, name, counts):
    (value, student, teacher), (other, *rest) = [outcomes[name, counts] for outcomes, _, _ in processes]
    expected, *gradients = outcome(name, counts)
    torch.testing.assert_close(mean(value, other), expected, rtol=0, atol=1e-9)
    for parts, gradient in zip(zip((student, teacher), rest, strict=True), gradients, strict=True):
        if gradient is None:
            assert parts == (None, None)
        else:
            # A process finds W times the gradient of its rows, which DistributedDataParallel divides by W.
            torch.testing.assert_close(torch.cat(parts) / WORLD_SIZE, gradient, rtol=0, atol=1e-9)


@pytest.mark.parametrize('name', LOSSES)
def test_without_gathering_every_process_is_alone(processes, name):
    alone = [outcomes[name] for _, _, outcomes in processes]
    gathered = [outcomes[name, (8, 8)] for outcomes, _, _ in processes]
    assert (mean(alone[0][0], alone[1][0]) - mean(gathered[0][0], gathered[1][0])).abs() > 1e-4
    assert all((one[1] - other[1]).abs().max() > 1e-4 for one, other in zip(alone, gathered, strict=True))


def test_rows_and_gradients_find_their_owners(processes):
    weights = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    for rank, (_, (counts, offset, divisor, rows, gradient, labels, trained), _) in enumerate(processes):
        assert counts == [2, 3] and offset == [0, 2][rank] and divisor == 2.5
        assert rows.flatten().tolist() == [1, 1, 2, 2, 2] and labels.tolist() == [0, 1, 0, 1, 2]
        assert torch.equal(gradient, 3 * [weights[:2], weights[2:]][rank])  # once from process 0, twice from process 1
        assert not trained


@pytest.mark.parametrize('name', LOSSES)
def test_one_process_has_nothing_to_gather(name):
    for one, other in zip(outcome(name, (8, 0)), outcome(name, (8, 0), gather=False), strict=True):
        assert (one is None and other is None) or torch.equal(one, other)


@pytest.mark.parametrize('name', LOSSES)
def test_losses_show_whether_they_gather(name):
    kind, arguments = LOSSES[name]
    assert 'gather=True' in repr(kind(**arguments, gather=True)) and 'gather=False' in repr(kind(**arguments))
