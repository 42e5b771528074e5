"""Tiny teachers for tests."""

import torch

from tests.students import SCOPES, STUDENTS, build, distilling


def teacher_of(folder, config, scope, seed=3, **more):
    """The ``teacher`` of a Distiller: a model of a config with weights drawn from a seed, saved below a folder."""
    model = build(config, scope, seed)
    path = folder / f'teacher_{scope}_{seed}_{len(list(folder.glob("teacher_*")))}.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return dict(config=dict(config, _scope_=scope), checkpoint=str(path), **more)


def taught(folder, task='segmentation', methods=None, teacher=None, **more):
    """A student that learns soft targets from a teacher of its own kind, with other weights."""
    teacher = teacher or teacher_of(folder, STUDENTS[task](), SCOPES[task], **more)
    methods = methods or dict(kd=dict(type='mmkd.LogitKD'))
    return build(distilling(STUDENTS[task](), methods, teacher=teacher), SCOPES[task])


def lessons_of(model, batch):
    """What the teachers of a student say of a batch during its loss."""
    kept, make = [], model.distill.lessons

    def keep(step, methods):
        kept.extend(make(step, methods))
        return list(kept)

    model.distill.lessons = keep
    try:
        model.loss(*batch)
    finally:
        del model.distill.lessons
    return kept


def count_runs(teacher):
    """A list that grows by the number of images whenever a teacher's backbone runs."""
    runs = []
    teacher.model.backbone.register_forward_pre_hook(lambda module, args: runs.append(len(args[0])))
    return runs
