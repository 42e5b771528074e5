"""The recorded numbers of TRG that belong to no single loss, from the product's own parts."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from torch import nn

from mmkd.losses.gather import JointRows
from mmkd.losses.token_graph import _cosines, _edges
from mmkd.methods import TRG
from mmkd.methods.trg import COARSE_TO_FINE, _project
from mmkd.schedules import build_schedule
from mmkd.tokens import TokenPair, TokenSample
from tests.methods.given_tokens import step_of, trg_of
from tests.reference import load

CLOSE = dict(rtol=1e-4, atol=1e-6)
METHOD = load('trg')['method']


def tensor(value):
    return torch.tensor(value, dtype=torch.float64)


def as_tokens(rows):
    """Rows (M, D) as a map of one token per image, and its sample."""
    return rows[:, :, None, None], TokenSample(torch.zeros(len(rows), 1, dtype=torch.long), None)


def layer_of(weight, bias):
    layer = nn.Linear(*tensor(weight).T.shape).double()
    layer.load_state_dict(dict(weight=tensor(weight), bias=tensor(bias)))
    return layer


def graph(rows, nearest=None):
    """Neighbours and adjacency of the graph that the local term compares."""
    joint = JointRows(rows, False)
    cosines = _cosines(rows, joint, joint.gather_constant)
    nearest = cosines.topk(2).indices if nearest is None else nearest
    edges = _edges(cosines.gather(1, nearest), 1.0)
    return nearest, torch.zeros_like(cosines).scatter(1, nearest, edges)


def test_the_graph():
    recorded = METHOD['graph']
    nearest, adjacency = graph(tensor(recorded['inputs']['tokens_teacher']))
    assert nearest.sort().values.tolist() == recorded['neighbours_teacher']
    torch.testing.assert_close(adjacency, tensor(recorded['adjacency_teacher']), **CLOSE)
    student = tensor(recorded['inputs']['tokens_student'])
    own, adjacency = graph(student)
    assert own.sort().values.tolist() == recorded['neighbours_student']
    torch.testing.assert_close(adjacency, tensor(recorded['adjacency_student_own']), **CLOSE)
    expected = tensor(recorded['adjacency_student_on_teacher_graph'])
    torch.testing.assert_close(graph(student, nearest)[1], expected, **CLOSE)


def test_the_projection_and_the_gradient_behind_it():
    recorded = METHOD['projection']
    cases = {case['name']: case for case in load('trg')['cases']}
    student = tensor(recorded['tokens_student']).requires_grad_()
    layer = layer_of(recorded['weight'], recorded['bias'])
    case = cases['global, T=0.1']
    torch.testing.assert_close(_project(layer, student), tensor(case['inputs']['student']), **CLOSE)
    teacher = tensor(case['inputs']['teacher'])
    maps, levels = as_tokens(student)[0], as_tokens(teacher)[0]
    method = trg_of([maps], [levels], global_temperature=0.1, local_weight=0, contextual_weight=0)
    method.parts[0]['global'][0] = layer
    value = method.losses(step_of([maps], [levels]))['loss_global']
    assert value.item() == pytest.approx(case['expected']['value'], rel=1e-4)
    value.backward()
    torch.testing.assert_close(student.grad, tensor(recorded['grad_of_tokens_at_T_0_1']), **CLOSE)


@pytest.mark.parametrize('shape', ['linear', 'cosine', 'exp'])
def test_the_temperature_in_the_epochs_of_a_run(shape):
    recorded = METHOD['temperature']
    schedule = build_schedule(dict(COARSE_TO_FINE, shape=shape), 'temperature')
    hub = MessageHub.get_current_instance()
    for epoch in (0, 60, 120, 239):
        hub.update_info_dict(dict(epoch=epoch, max_epochs=recorded['epochs'], iter=epoch * 782, max_iters=240 * 782))
        assert schedule.now() == pytest.approx(recorded['values'][f'{shape}_e{epoch}'], rel=1e-9)


def test_the_default_temperature_reaches_the_global_term():
    recorded = METHOD['temperature']
    student, teacher = (torch.randn(4, 3, 1, 1) for _ in range(2))
    method = trg_of([student], [teacher])
    MessageHub.get_current_instance().update_info_dict(dict(epoch=60, max_epochs=240))
    method.losses(step_of([student], [teacher]))
    assert method.contrast_loss.temperature == pytest.approx(recorded['values']['cosine_e60'], rel=1e-9)


def test_the_total():
    recorded = METHOD['total']
    given = {key: tensor(value) for key, value in recorded['inputs'].items()}
    method = TRG(local_weight=3.0, global_weight=0.5, contextual_weight=2.0, temperature=4.0, global_temperature=0.1,
                 graph='teacher', num_neighbors=2)
    maps = [as_tokens(given['tokens_student'])[0], as_tokens(given['tokens_teacher'])[0]]
    method.parts = trg_of(maps[:1], maps[1:]).parts
    method.parts[0]['global'][0] = layer_of(given['proj_w'].tolist(), given['proj_b'].tolist())
    # The recorded terms have tokens of their own, which no one network gives.
    inner = [given[f'ctx_{side}'].mT.unflatten(2, (2, 2)) for side in ('student', 'teacher')]
    method.reader = SimpleNamespace(
        pairs=lambda step, lesson: [TokenPair(*inner, None)],
        samples=lambda step, lesson: [(TokenPair(*maps, None), as_tokens(given['tokens_student'])[1])],
    )
    logits = given['logits_student'], given['logits_teacher']
    losses = method.losses(step_of(maps[:1], maps[1:], logits=logits))
    own = F.cross_entropy(logits[0], given['labels'].long())
    expected = recorded['outputs']
    found = dict(logit=own + losses['loss_logit'], inner=losses['loss_contextual'] / 2,
                 local=losses['loss_local'] / 3, glob=losses['loss_global'] / 0.5, total=own + sum(losses.values()))
    assert {key: value.item() for key, value in found.items()} == pytest.approx(expected, rel=1e-4, abs=1e-6)
