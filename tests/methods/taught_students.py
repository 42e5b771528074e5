"""Students that learn from a teacher, and what both networks make of a batch."""

import torch

from mmkd.taps import Taps
from tests.students import SCOPES, STUDENTS, build, classification_batch, distilling
from tests.teachers import teacher_of


def taught(folder, task, kind, student=None, teacher=None, **arguments):
    """A student in eval mode that has one method, named 'method', and a teacher that was drawn from another seed."""
    student = student or STUDENTS[task]()
    methods = dict(method=dict(type=f'mmkd.{kind}', **arguments))
    teacher = teacher_of(folder, teacher or STUDENTS[task](), SCOPES[task])
    return build(distilling(student, methods, teacher=teacher), SCOPES[task]).eval()


def loud_images():
    """A batch whose logits are far from zero without training, so that single precision tells their softmax apart."""
    images, samples = classification_batch()
    return 1000 * images, samples


def terms(model, batch, name='method'):
    """The losses of a method for a batch, without the prefix."""
    prefix = f'distill.{name}.loss_'
    return {key[len(prefix):]: value for key, value in model.loss(*batch).items() if key.startswith(prefix)}


def teacher_of_model(model):
    """The teacher's model."""
    return model.distill.teachers[0].model


@torch.no_grad()
def deepest_maps(model, images, places):
    """What the modules or methods at these places of a student and of its teacher are given or give, by place."""
    found = []
    for network in (model, teacher_of_model(model)):
        with Taps(network, places, stop=True) as record:
            network(images, mode='tensor')
        found.append([record[place] for place in places])
    return found


def check_gradient_reaches(model, batch, part, name='method'):
    """The terms of a method train a part of the student, and nothing of the teacher."""
    model.zero_grad()
    sum(terms(model, batch, name).values()).backward()
    trained = [parameter for key, parameter in model.named_parameters() if key.startswith(part)]
    assert trained and any(parameter.grad is not None and parameter.grad.ne(0).any() for parameter in trained)
    assert all(parameter.grad is None for parameter in teacher_of_model(model).parameters())
