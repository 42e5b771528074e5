"""Connectors: bring the maps of a student to the form of a teacher's."""

from collections.abc import Callable, Sequence

import torch.nn.functional as F
from mmengine.logging import print_log
from mmengine.model import BaseModule, ModuleList
from torch import Tensor, nn

from mmkd.losses.maps import hide_positions as hidden_padding

Pairs = list[tuple[Tensor, Tensor]]
Shape = tuple[int, int, int]
Masks = list[Tensor] | None
Valid = Callable[[Sequence[Tensor]], Masks]
"""What gives the masks (N, H, W) of maps (N, C, H, W), True where an image is and False in the padding."""


class Connectors(BaseModule):
    """Pairs the maps of student and teacher, level by level.

    The deepest levels are paired where one side has more. With ``project`` a 1x1 convolution brings a level of the
    student to the channels of the teacher's where they differ. Where sizes differ, the larger map is averaged down to
    the smaller size. Both are said in the log.

    Args:
        student: Channels, rows and columns of the student's levels, finest first.
        teacher: The same of the teacher.
        project: Whether channels are to be equal.
        name: Who compares, for the log.
    """

    def __init__(self, student: Sequence[Shape], teacher: Sequence[Shape], project: bool, name: str) -> None:
        super().__init__(init_cfg=None)
        self.levels = min(len(student), len(teacher))
        pairs = list(zip(student[-self.levels :], teacher[-self.levels :], strict=True))
        self.projections = ModuleList(
            nn.Conv2d(own[0], other[0], 1) if project and own[0] != other[0] else nn.Identity() for own, other in pairs
        )
        self.in_channels = [other[0] if project else own[0] for own, other in pairs]
        self.out_channels = [other[0] for _, other in pairs]
        for level, (own, other) in enumerate(pairs):
            _say(name, level, own, other, project)

    def forward(self, student: Sequence[Tensor], teacher: Sequence[Tensor], valid: Valid | None = None) -> Pairs:
        """Pairs of maps (N, C_s, H, W) and (N, C_t, H, W), with equal channels if the student's are projected.

        Args:
            student: Maps of the student.
            teacher: Maps of the teacher.
            valid: Gives masks of what is image, which alone is averaged. None: all of it.
        """
        levels = zip(self.projections, student[-self.levels :], teacher[-self.levels :], strict=True)
        return [equal_size(projection(own), other, valid) for projection, own, other in levels]


def equal_size(student: Tensor, teacher: Tensor, valid: Valid | None = None) -> tuple[Tensor, Tensor]:
    """Two maps (N, C, H, W) averaged down to the smaller of their sizes, per side; padding is left out."""
    size = tuple(min(sides) for sides in zip(student.shape[-2:], teacher.shape[-2:], strict=True))
    return _averaged(student, size, valid), _averaged(teacher, size, valid)


def masks_of(pairs: Pairs, valid: Valid | None) -> Sequence[Tensor | None]:
    """The mask of every pair, None where all of it is image."""
    masks = valid([own for own, _ in pairs]) if valid is not None else None
    return [None] * len(pairs) if masks is None else masks


def _averaged(maps: Tensor, size: tuple[int, int], valid: Valid | None) -> Tensor:
    if tuple(maps.shape[-2:]) == size:
        return maps
    masks = valid([maps]) if valid is not None else None
    if masks is None:
        return F.adaptive_avg_pool2d(maps, size)
    share = F.adaptive_avg_pool2d(masks[0].unsqueeze(1).to(maps.dtype), size)
    # Where nothing is image the sum is 0, and so is its share.
    return F.adaptive_avg_pool2d(hidden_padding(maps, masks[0]), size) / share.masked_fill(share == 0, 1)


def _say(name: str, level: int, student: Shape, teacher: Shape, project: bool) -> None:
    steps = []
    if project and student[0] != teacher[0]:
        steps.append(f'a 1x1 convolution from {student[0]} to {teacher[0]} channels')
    if student[1:] != teacher[1:]:
        steps.append('an average over the larger map to the size of the smaller one')
    if steps:
        print_log(f'{name} connects level {level} of student and teacher by {" and ".join(steps)}.', logger='current')
