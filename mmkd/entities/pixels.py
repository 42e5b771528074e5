"""Pixels and regions of a segmented batch."""

import torch
from torch import Tensor

from mmkd.entities.entities import Entities, EntitySets
from mmkd.entities.regions import class_prototypes
from mmkd.entities.sampling import balanced_sample, represented


def pixel_entities(
    student: Tensor, teacher: Tensor, labels: Tensor, valid: Tensor, limit: int, generator: torch.Generator
) -> EntitySets:
    """Positions of two maps, drawn evenly from the classes, and the regions of all positions.

    Args:
        student: Maps (N, Ds, H, W).
        teacher: Maps (N, Dt, H, W).
        labels: Classes (N, H, W).
        valid: Bool (N, H, W), which positions count.
        limit: How many positions are drawn at most, and how many regions.
        generator: See :func:`mmkd.entities.balanced_sample`.
    """
    return EntitySets(
        _pixels(student, teacher.detach(), labels, valid, limit, generator),
        _regions(student, teacher.detach(), labels, valid, limit, generator),
    )


def _pixels(
    student: Tensor, teacher: Tensor, labels: Tensor, valid: Tensor, limit: int, generator: torch.Generator
) -> Entities:
    classes = labels[valid].long()
    drawn = balanced_sample(classes, limit, generator)
    image, row, column = (index[drawn] for index in valid.nonzero(as_tuple=True))
    own, other = (maps[image, :, row, column] for maps in (student, teacher))
    return Entities(own, other, classes[drawn], image, represented(classes, drawn))


def _regions(
    student: Tensor, teacher: Tensor, labels: Tensor, valid: Tensor, limit: int, generator: torch.Generator
) -> Entities:
    own, classes, images = class_prototypes(student, labels, valid)
    other = class_prototypes(teacher, labels, valid)[0]
    drawn = balanced_sample(classes, limit, generator)
    return Entities(own[drawn], other[drawn], classes[drawn], images[drawn])
