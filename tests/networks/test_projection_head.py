"""ProjectionHead against recorded numbers, with few rows and in low precision."""
import pytest
import torch

from mmkd.networks.projection_head import PairedEmbedding, ProjectionHead
from tests import reference


def test_reference():
    case = reference.load('mlkd')['method']['projection_head']
    given = {name: torch.tensor(value, dtype=torch.float64) for name, value in case['inputs'].items()}
    head = ProjectionHead(3, 5, 6).double()
    names = dict(fc1_w='fc1.weight', fc1_b='fc1.bias', bn_w='norm.weight', bn_b='norm.bias', fc2_w='fc2.weight',
                 fc2_b='fc2.bias')
    state = head.state_dict()
    used = {name for name in names if name in given}
    assert {'fc1_w', 'fc2_w'} <= used and set(given) - {'x'} == used
    state.update({names[name]: given[name] for name in used})
    head.load_state_dict(state)
    expected = torch.tensor(case['output'], dtype=torch.float64)
    torch.testing.assert_close(head(given['x']), expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize('norm', ['BN', 'LN'])
@pytest.mark.parametrize('rows', [0, 1, 2])
def test_few_rows_train_every_parameter(norm, rows):
    head = ProjectionHead(4, 8, 3, norm)
    out = head(torch.randn(rows, 4))
    assert out.shape == (rows, 3)
    out.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in head.parameters())


def test_one_row_leaves_the_running_statistics():
    head = ProjectionHead(4, 8, 3)
    head(torch.randn(1, 4))
    assert head.norm.running_mean.eq(0).all() and head.norm.running_var.eq(1).all()


def test_precision_is_full_under_autocast():
    head, rows = ProjectionHead(4, 8, 3), torch.randn(5, 4)
    expected = head.eval()(rows)
    with torch.autocast('cpu', torch.bfloat16):
        found = head(rows.bfloat16().float())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, head(rows.bfloat16().float()))
    assert not torch.equal(found, expected)


def test_the_embedding_of_the_teacher_is_trained_and_its_features_are_not():
    embedding = PairedEmbedding(4, 6, 5)
    student, teacher = torch.randn(3, 4, requires_grad=True), torch.randn(3, 6, requires_grad=True)
    own, other = embedding(student, teacher)
    assert own.shape == other.shape == (3, 5)
    (own * other).sum().backward()
    assert teacher.grad is None and student.grad.ne(0).any() and embedding.teacher.weight.grad.ne(0).any()


def test_bad_arguments_are_explained():
    with pytest.raises(ValueError, match="norm='GN', but it must be one of"):
        ProjectionHead(4, 8, 3, 'GN')
    with pytest.raises(ValueError, match='hidden_channels is 0'):
        ProjectionHead(4, 0, 3)
