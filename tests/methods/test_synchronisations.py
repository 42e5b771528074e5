"""No method makes an accelerator wait for the CPU, except where it has to know how many things there are."""

import sys
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mmkd
from mmkd.distillation import Distillation
from tests.detectors import total
from tests.methods.every_method import batch_of

WAITING = {'_local_scalar_dense', 'nonzero', 'masked_select', '_unique2', 'unique_dim', 'is_nonzero', 'equal'}
PACKAGE, TORCH = (str(Path(module.__file__).parent) for module in (mmkd, torch))
# Pixels, regions, boxes and positives of a batch are as many as there are.
SELECTING = {
    ('DSR', 'segmentation'),
    ('DSR', 'detection'),
    ('DKD', 'two_stages'),
    ('MLKD', 'segmentation'),
    ('MLKD', 'detection'),
    ('TRG', 'segmentation'),
}


class Synchronisations(TorchDispatchMode):
    """Lists the places of mmkd whose operations hand a number, or the size of a result, to the CPU."""

    def __init__(self):
        super().__init__()
        self.places = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function._schema.name.removeprefix('aten::')
        indices = args[1] if name.startswith('index') and isinstance(args[1], list | tuple) else []
        by_mask = any(index is not None and index.dtype == torch.bool for index in indices)
        caller = innermost_caller()
        if (name in WAITING or by_mask) and caller.startswith(PACKAGE):
            self.places.append((caller.removeprefix(PACKAGE), name))
        return function(*args, **(kwargs or {}))


def innermost_caller():
    """The file that asked for an operation: the first on the stack beyond this one and torch."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__ or frame.f_code.co_filename.startswith(TORCH):
        frame = frame.f_back
        if frame is None:
            # the backward pass has none
            return ''
    return frame.f_code.co_filename


def test_methods_read_nothing_back(case, student, monkeypatch):
    # On a CPU every value is there already; on an accelerator this reads those of the last step.
    monkeypatch.setattr(Distillation, '_check_finite', lambda self, losses: None)
    batch = batch_of(case[2])
    student.train()
    # what is built in the first step only is no matter
    student.loss(*batch)
    with Synchronisations() as heard:
        total(student.loss(*batch)).backward()
    assert bool(heard.places) == ((case[0], case[2]) in SELECTING), heard.places


def test_the_listener_hears(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], 'PACKAGE', str(Path(__file__).parent))
    monkeypatch.setattr(sys.modules[__name__], 'innermost_caller', lambda: __file__)
    values = torch.arange(4.0)
    with Synchronisations() as heard:
        values[values > 1].sum().item()
        torch.where(values > 1, values, 0).sum()
    assert [name for _, name in heard.places] == ['index', '_local_scalar_dense']
