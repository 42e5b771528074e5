"""Students that learn maps from a teacher, and steps of theirs with maps that a test gives."""

import torch

from mmkd.step import Step
from mmkd.taps import Taps
from mmkd.teachers import Lesson
from tests.detectors import batch
from tests.students import SCOPES, STUDENTS, classification_batch, segmentation_batch
from tests.teachers import taught, teacher_of


def wide(task):
    """The config of a teacher with other channels than the student at every place."""
    config = STUDENTS[task]()
    config.backbone.base_channels = 16
    if task == 'classification':
        config.head.in_channels = 128
        return config
    config.neck.update(in_channels=[16, 32, 64, 128], out_channels=24)
    if task == 'segmentation':
        config.decode_head.update(in_channels=[24] * 4, channels=24)
    else:
        config.bbox_head.in_channels = 24
    return config


def dilated(task):
    """The config of a wide teacher whose two deepest stages have the size of the second."""
    config = wide(task)
    config.backbone.update(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4))
    return config


def padded_batch(task):
    """A batch whose second image is padded at the right and at the bottom, where the task knows padding."""
    if task == 'detection':
        return batch()
    if task == 'classification':
        return classification_batch()
    images, samples = segmentation_batch(size=64)
    samples[1].set_metainfo(dict(padding_size=[0, 20, 0, 28]))
    return images, samples


def learner(folder, task, kind, teacher=None, **arguments):
    """A student with one method of this kind, taught by a wide teacher."""
    teacher = teacher_of(folder, teacher or wide(task), SCOPES[task])
    return taught(folder, task, dict(method=dict(type=f'mmkd.{kind}', **arguments)), teacher)


def step_of(model, data):
    """A step of a student after its own forward pass, with the lessons of its teachers."""
    distill = model.distill
    methods = distill.active()
    with Taps(model, distill.paths(methods)) as record:
        model.plain_loss(*data)
    step = Step(model, distill.task, record, data[1], data[0])
    step.lessons = distill.lessons(step, methods)
    return step


def maps_of(model, step):
    """The maps of student and teacher that the method of a student compares, as leaves."""
    source = model.distill.methods.method.source
    if source == 'logits':
        sides = [step.logits()], [step.lessons[0].logits()]
    else:
        sides = step.features(source), step.lessons[0].features(source)
    return [[level.detach().clone().requires_grad_() for level in side] for side in sides]


def value_of(model, step, own, other):
    """The term for maps instead of those of the step, not weighted, under the same random numbers."""
    method = model.distill.methods.method
    (term,) = method.terms
    (parts,) = method.parts
    if method.source == 'logits':
        step.logits, knowledge = (lambda: own[0]), other[0]
    else:
        step.features, knowledge = (lambda source: tuple(own)), tuple(other)
    torch.manual_seed(0)
    part = parts[term] if term in parts else None  # noqa: SIM401  (a ModuleDict has no get)
    return method.compare(term, part, step, Lesson(step.lessons[0].teacher, {method.source: knowledge}))
