"""An exported student is the plain model: the same parts, and the same work in every prediction."""

import pytest
import torch
from mmengine.config import Config
from torch.utils._python_dispatch import TorchDispatchMode

from mmkd.engine.export import build_model, export_student
from tests.runs import config_of, weights
from tests.students import (
    FRSKDS,
    STUDENTS,
    classification_batch,
    detection_batch,
    distilling,
    segmentation_batch,
)

BATCHES = dict(segmentation=segmentation_batch, classification=classification_batch, detection=detection_batch)


class Operations(TorchDispatchMode):
    """Lists every operation and the shapes of its tensors: what takes time, without a clock."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        shapes = [tuple(value.shape) for value in args if isinstance(value, torch.Tensor)]
        self.calls.append((str(function), shapes))
        return function(*args, **(kwargs or {}))


def work(model, batch):
    """The operations of a forward pass and of a prediction."""
    images, samples = batch()
    model.eval()
    with torch.no_grad(), Operations() as operations:
        model(images, samples, mode='tensor')
        model(images, samples, mode='predict')
    return operations.calls


def parts(model):
    """All that a model is made of, by name."""
    modules = [(name, type(module)) for name, module in model.named_modules()]
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return modules, [(name, tuple(tensor.shape), tensor.dtype) for name, tensor in tensors], list(model.state_dict())


@pytest.mark.parametrize('task', STUDENTS)
def test_an_exported_student_has_the_parts_and_the_work_of_the_plain_one(tmp_path, task):
    plain = build_model(config_of(tmp_path, task=task))
    config = config_of(tmp_path, distilling(STUDENTS[task](), dict(frskd=dict(FRSKDS[task]))), task=task)
    distilled = build_model(config)
    torch.save(dict(state_dict=distilled.state_dict()), tmp_path / 'distilled.pth')
    out, written = export_student(config, tmp_path / 'distilled.pth', tmp_path / 'student.pth')

    exported = build_model(Config.fromfile(written))
    for model in (plain, exported):
        model.load_state_dict(weights(out), strict=True)
    assert type(exported) is type(plain) and parts(exported) == parts(plain)
    hooks = [hook for module in exported.modules() for hook in (module._forward_hooks, module._forward_pre_hooks)]
    assert not any(hooks)

    expected = work(plain, BATCHES[task])
    assert len(expected) > 100 and work(exported, BATCHES[task]) == expected
    # as long as it still is one with all that training needs, it does no more either
    assert work(distilled, BATCHES[task]) == expected
