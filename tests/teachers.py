"""Tiny teachers for tests."""

import torch

from tests.students import build


def teacher_of(folder, config, scope, seed=3, **more):
    """The ``teacher`` of a Distiller: a model of a config with weights drawn from a seed, saved below a folder."""
    model = build(config, scope, seed)
    path = folder / f'teacher_{scope}_{seed}.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return dict(config=dict(config, _scope_=scope), checkpoint=str(path), **more)
