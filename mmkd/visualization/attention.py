"""Attention maps of feature maps, and how a pair of them is drawn."""

import torch
from matplotlib.axes import Axes
from torch import Tensor

COLORS = 'magma'


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


def draw_attention_pair(
    student: Tensor, teacher: Tensor | None, axes: tuple[Axes, Axes], title: str, size: tuple[int, int] | None = None
) -> None:
    """Draw the attention of one stage, the self-teacher's below the student's, both in one colour scale.

    Args:
        student: Attention (H, W).
        teacher: Attention (H, W) of the self-teacher; without one its axes stay empty.
        axes: Axes of both.
        title: Name of the stage; the size of the map and the end of the colour scale are added.
        size: Height and width of the image that the maps cover, by default their own.
    """
    maps = [attention for attention in (student, teacher) if attention is not None]
    top = max(float(attention.max()) for attention in maps)
    height, width = student.shape
    bottom, right = size or (height, width)
    for axis, attention in zip(axes, maps, strict=False):
        # an empty range would let matplotlib choose its own
        axis.imshow(
            attention.cpu().numpy(),
            cmap=COLORS,
            vmin=0,
            vmax=top or 1.0,
            interpolation='nearest',
            extent=(0, right, bottom, 0),
        )
    axes[0].set_title(f'{title}, {height} × {width}\n0 to {top:.2g}', fontsize='small')
