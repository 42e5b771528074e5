"""Attention maps of feature maps, and how those of one stage are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from torch import Tensor

from mmkd.visualization.title import write_title

COLORS = 'magma'
DIFFERENCES = 'RdBu_r'


def attention_map(feature: Tensor) -> Tensor:
    r"""Where a feature map is large: :math:`a = q / \|q\|_2` with :math:`q` the channel mean of :math:`f^2`.

    It is the map that :class:`mmkd.losses.AttentionMapLoss` compares with ``normalize='l2'``. The norm runs over the
    positions and is clamped at 1e-12, so that an all-zero map stays zero.

    Args:
        feature: Feature map (N, C, H, W).

    Returns:
        Attention (N, H, W), float32.

    Raises:
        ValueError: If the tensor has not four dimensions.
    """
    if feature.dim() != 4:
        raise ValueError(
            f'The feature map has the shape {tuple(feature.shape)}, but (N, C, H, W) is needed: reshape it.'
        )
    # the sum over channels equals their mean once it is normalised, and the norm keeps no float32 copy of half inputs
    energy = torch.linalg.vector_norm(feature, dim=1, dtype=torch.float32).square()
    return torch.nn.functional.normalize(energy.flatten(1), dim=1, eps=1e-12).view_as(energy)


@dataclass
class Stage:
    """The attention of one stage of a network, and of what teaches it.

    Args:
        title: Name of the stage.
        student: Attention (H, W).
        teacher: Attention (H, W) of the teacher; None without one.
        cell: Height and width in pixels of the image that a cell of the maps covers.
    """

    title: str
    student: Tensor
    teacher: Tensor | None = None
    cell: tuple[float, float] = (1.0, 1.0)


def draw_stage(stage: Stage, size: tuple[int, int], axes: Sequence[Axes]) -> None:
    """Draw the attention of a stage, its teacher's in the same colour scale, and teacher minus student.

    The titles tell where the scales end.

    Args:
        stage: The attention of student and teacher.
        size: Height and width of the image.
        axes: Axes of student, teacher and difference; those of the student alone suffice without a teacher.
    """
    maps = [values for values in (stage.student, stage.teacher) if values is not None]
    top = max(float(values.max()) for values in maps)
    for axis, values in zip(axes, maps, strict=False):
        # an empty range would let matplotlib choose its own
        _draw(axis, values, stage.cell, size, cmap=COLORS, vmin=0, vmax=top or 1.0)
    height, width = stage.student.shape
    write_title(axes[0], f'{stage.title}, {height} × {width}\n0 to {top:.2g}')
    if stage.teacher is None:
        return
    difference = stage.teacher - stage.student
    most = float(difference.abs().max())
    _draw(axes[2], difference, stage.cell, size, cmap=DIFFERENCES, vmin=-(most or 1.0), vmax=most or 1.0)
    write_title(axes[2], f'−{most:.2g} to {most:.2g}' if most else 'no difference')


def _draw(axis: Axes, values: Tensor, cell: tuple[float, float], size: tuple[int, int], **colors: Any) -> None:
    rows, columns = values.shape
    extent = (0, columns * cell[1], rows * cell[0], 0)
    axis.imshow(values.cpu().numpy(), interpolation='nearest', extent=extent, **colors)
    # the last cells may reach beyond the image
    axis.set(xlim=(0, size[1]), ylim=(size[0], 0))
