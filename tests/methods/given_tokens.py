"""Steps whose tokens are given, for tests of what a method makes of them."""

from types import SimpleNamespace

from mmengine.model import ModuleDict, ModuleList
from torch import nn

from mmkd.methods import TRG
from mmkd.step import Step
from mmkd.tasks.comparable import ComparableLogits
from mmkd.teachers import Lesson

TOKEN_TERMS = ('local', 'global', 'contextual')


class GivenTask:
    """Hands out what it was given instead of listening to a network."""

    def __init__(self, maps, masks=None, logits=None):
        self.maps, self.masks, self.logits = maps, masks, logits

    def features(self, record, source):
        return self.maps

    def valid_positions(self, step, maps):
        return None

    def labelled_positions(self, step, maps):
        return self.masks

    def comparable_logits(self, step, output, mask_ignored, full_size):
        return ComparableLogits(self.logits, output)


def step_of(student, teacher, masks=None, logits=(None, None)):
    """A step whose maps of either network are given, level by level."""
    lesson = Lesson(SimpleNamespace(weight=1.0), dict(tokens=teacher, logits=logits[1]))
    return Step(None, GivenTask(student, masks, logits[0]), None, [], None, [lesson])


def trg_of(student, teacher, **arguments):
    """TRG with linear layers for these maps, with weights of 1 unless they are given."""
    weights = {f'{term}_weight': 1.0 for term in TOKEN_TERMS} | dict(logit_weight=0.0)
    method = TRG(**{**weights, **arguments})
    layers = [nn.Linear(own.shape[1], other.shape[1]) for own, other in zip(student, teacher, strict=True)]
    method.parts = ModuleList([ModuleDict({'global': ModuleList(layers)})])
    return method


def terms_of(student, teacher, masks=None, method=None, **arguments):
    """The terms of TRG by their names."""
    method = method or trg_of(student, teacher, **arguments)
    losses = method.to(student[0].dtype).losses(step_of(student, teacher, masks))
    return {key.removeprefix('loss_'): value for key, value in losses.items()}
