"""Regressors: convolutions that bring the student's maps to the channels of the teacher's."""
import math
from collections.abc import Sequence
from itertools import chain

from torch import Tensor, nn

from .attention_map import Levels, Masks
from .reduce import check_mask, compute_dtype


def build_regressors(in_channels: Sequence[int], out_channels: Sequence[int], rectify: bool) -> nn.ModuleList:
    """Build one regressor per level: 1x1 convolution without bias, batch norm and, on request, ReLU.

    Weights start as normal(0, sqrt(2 / out_channels)), as in the official code of FRSKD.

    Args:
        in_channels: Channels of the student's maps.
        out_channels: Channels of the teacher's maps.
        rectify: Whether a ReLU comes last.

    Raises:
        ValueError: If the two do not have the same number of levels, or a level has no channel.
    """
    if len(in_channels) != len(out_channels) or min(chain(in_channels, out_channels), default=0) < 1:
        raise ValueError(
            f'in_channels is {list(in_channels)} and out_channels {list(out_channels)}, both must name the same number '
            'of levels with at least 1 channel each: give the channels of the maps of student and teacher.')
    return nn.ModuleList(_regressor(*pair, rectify) for pair in zip(in_channels, out_channels, strict=True))


def regressed(regressors: nn.ModuleList, student: Levels, teacher: Levels,
              mask: Masks) -> list[tuple[Tensor, Tensor, Tensor | None]]:
    """Give the regressed maps of the student, the teacher's detached maps and the mask (N, 1, H, W) of every level.

    Maps are in float32 or better.

    Args:
        regressors: What :func:`build_regressors` gives.
        student: Map (N, C_s, H, W), or a sequence of them.
        teacher: Map (N, C_t, H, W), or a sequence of them.
        mask: Bool (N, H, W), or one per level; None where every position counts.

    Raises:
        ValueError: If the maps are not those that the regressors were built for, or differ in N, H or W, or the masks
            do not fit.
    """
    students, teachers = _levels(student), _levels(teacher)
    masks = [None] * len(students) if mask is None else _levels(mask)
    pairs = [(regressor[0].in_channels, regressor[0].out_channels) for regressor in regressors]
    if not len(students) == len(teachers) == len(pairs) or not all(
            _fits(*level) for level in zip(students, teachers, pairs, strict=True)):
        raise ValueError(
            f'The student has maps of the shapes {[tuple(level.shape) for level in students]} and the teacher '
            f'{[tuple(level.shape) for level in teachers]}, both must be (N, C, H, W) with equal N, H and W and the '
            f'channels {pairs}: set in_channels and out_channels to those of the maps.')
    if len(masks) != len(students):
        raise ValueError(f'There are {len(masks)} masks for {len(students)} levels: give one mask per level.')
    for own, counts in zip(students, masks, strict=True):
        check_mask(counts, own)
    dtype = compute_dtype(students[0])
    return [(regressor(own).to(dtype), target.detach().to(dtype), None if counts is None else counts.unsqueeze(1))
            for regressor, own, target, counts in zip(regressors, students, teachers, masks, strict=True)]


def _regressor(in_channels: int, out_channels: int, rectify: bool) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 1, bias=False)
    nn.init.normal_(convolution.weight, std=math.sqrt(2 / out_channels))
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), *([nn.ReLU(inplace=True)] if rectify else []))


def _fits(student: Tensor, teacher: Tensor, channels: tuple[int, int]) -> bool:
    if student.dim() != 4 or teacher.dim() != 4 or (student.shape[1], teacher.shape[1]) != channels:
        return False
    return student.shape[0] == teacher.shape[0] and student.shape[2:] == teacher.shape[2:]


def _levels(maps: Levels) -> list[Tensor]:
    return [maps] if isinstance(maps, Tensor) else list(maps)
