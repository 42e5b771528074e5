"""What no loss may do, whatever shapes, types, magnitudes and masks it is handed."""
import inspect
from importlib import import_module
from pkgutil import iter_modules

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mmkd import losses
from mmkd.losses.weighted import WeightedLoss
from tests.losses.drawn import Numbers
from tests.losses.drawn_calls import CALLS


def test_every_loss_is_drawn():
    modules = [import_module(f'mmkd.losses.{module.name}') for module in iter_modules(losses.__path__)]
    classes = [kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)]
    found = {kind.__name__ for kind in classes if issubclass(kind, WeightedLoss)}
    assert found - {'WeightedLoss', 'RelationLoss'} == set(CALLS)


@pytest.mark.parametrize('name', CALLS)
@settings(derandomize=True, database=None, max_examples=25, deadline=None, phases=[Phase.generate, Phase.shrink])
@given(data=st.data())
def test_value_and_gradients_are_finite(name, data):
    check(CALLS[name](Numbers(data.draw)))


def check(call):
    students, teachers = leaves(call.student), leaves(call.teacher)
    value = call.loss(given_as(call.student, students), given_as(call.teacher, teachers), *call.others)
    assert value.shape == () and value.isfinite()
    assert value.dtype == (torch.float64 if students[0].dtype == torch.float64 else torch.float32)
    assert value >= -1e-5
    assert not call.is_empty or value == 0
    # with nothing to compare it is part of the graph all the same
    value.backward()
    for student in students:
        assert student.grad.shape == student.shape and student.grad.isfinite().all()
        assert not call.is_empty or student.grad.eq(0).all()
        assert call.hidden is None or student.grad.masked_select(call.hidden).eq(0).all()
    for teacher in teachers:
        assert teacher.grad.isfinite().all() if call.trains_teacher else teacher.grad is None


def leaves(tensors):
    return [tensor.clone().requires_grad_() for tensor in ([tensors] if isinstance(tensors, torch.Tensor) else tensors)]


def given_as(tensors, made):
    return made[0] if isinstance(tensors, torch.Tensor) else made
