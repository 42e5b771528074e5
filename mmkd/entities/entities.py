"""Rows of features that stand for the same things in two networks."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor


@dataclass(frozen=True)
class Entities:
    """M things of a batch as student and teacher see them.

    Args:
        student: Features (M, Ds).
        teacher: Features (M, Dt) of the same things, without gradient.
        labels: Classes (M,).
        images: Index (M,) of the image that each belongs to.
        weight: How many of their kind they stand for (M,), where only some were drawn; None: one each.
    """

    student: Tensor
    teacher: Tensor
    labels: Tensor
    images: Tensor
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)


class EntitySets(NamedTuple):
    """What the knowledge of a batch is about.

    Args:
        instances: Single things: images, pixels or boxes.
        prototypes: What classes are compared by: the regions of a segmented batch, elsewhere the instances again.
    """

    instances: Entities
    prototypes: Entities
