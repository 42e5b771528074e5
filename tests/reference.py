"""Reference numbers of the methods, absent outside the machine that recorded them."""
import json
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).resolve().parents[2] / 'shared' / 'reference'


def load(name):
    """Return the content of one reference file as a dict, or skip the module that asks for it."""
    path = FOLDER / f'{name}.json'
    if not path.is_file():
        pytest.skip(f'no reference numbers: ../shared/reference/{name}.json is absent', allow_module_level=True)
    return json.loads(path.read_text())


def cases(*names, of):
    """Return the cases of one class, from several files, as pytest parameters; one skipped parameter without files."""
    found = []
    for name in names:
        path = FOLDER / f'{name}.json'
        if path.is_file():
            entries = [case for case in json.loads(path.read_text())['cases'] if case['class'] == of]
            found += [pytest.param(case, id=f'{name}: {case["name"]}') for case in entries]
    absent = pytest.mark.skip(reason=f'no reference numbers: ../shared/reference/{names[0]}.json is absent')
    return found or [pytest.param(None, marks=absent)]


def inputs(case):
    """Return the tensors of a case in forward order, float ones in float64; levels become lists of tensors."""
    return {name: _tensors(value, case['shapes'][name], case['dtypes'][name]) for name, value in case['inputs'].items()}


def _tensors(value, shape, dtype):
    if shape and isinstance(shape[0], list):
        return [_tensors(level, size, dtype) for level, size in zip(value, shape, strict=True)]
    dtype = torch.float64 if dtype.startswith('float') else getattr(torch, dtype)
    return torch.tensor(value, dtype=dtype).reshape(shape)


def check_loss(loss, case, dtype):
    """Check value and gradients of a loss against one case, computed in ``dtype``."""
    given = {name: _leaves(value, dtype) for name, value in inputs(case).items()}
    value = loss(*given.values(), **case.get('call', {}))
    expected, tolerance = case['expected'], case['tolerance']
    assert value.shape == () and value.item() == pytest.approx(expected['value'], rel=1e-4, abs=1e-6)
    value.backward()
    student, teacher = [value if isinstance(value, list) else [value] for value in list(given.values())[:2]]
    if case['teacher'] == 'detached':
        assert all(leaf.grad is None for leaf in teacher)
    if case.get('zero_connected'):
        assert value.item() == 0 and all(leaf.grad.eq(0).all() for leaf in student)
    if case.get('finite_grad'):
        assert all(leaf.grad.isfinite().all() for leaf in student)
    for leaves, key in ((student, 'grad_student'), (teacher, 'grad_teacher')):
        if key in expected:
            wanted = expected[key] if isinstance(case['shapes']['student'][0], list) else [expected[key]]
            for leaf, gradient in zip(leaves, wanted, strict=True):
                gradient = torch.tensor(gradient, dtype=dtype).reshape(leaf.shape)
                torch.testing.assert_close(leaf.grad, gradient, **tolerance)


def _leaves(value, dtype):
    if isinstance(value, list):
        return [_leaves(level, dtype) for level in value]
    return value.to(dtype).requires_grad_() if value.is_floating_point() else value
