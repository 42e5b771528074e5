"""Pixel relation: every pixel resembles the pixels of all images of the batch as it does for the teacher."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from mmkd.registry import MODELS

from .divergence import softmax_divergence
from .pairwise_similarity import check_maps
from .reduce import check_positive, compute_dtype, connected_zero
from .rows import matmul, unit_rows
from .weighted import WeightedLoss


def pixel_relation_loss(student: Tensor, teacher: Tensor, mask: Tensor | None = None, temperature: float = 0.1,
                        max_positions: int = 1024) -> Tensor:
    r"""Compare the distributions of similarities between pixels of all pairs of images, a pair with itself included.

    .. math::
        \frac{1}{B^2} \sum_{i, j} \frac{1}{P_i} \sum_{p} KL(t_{ijp} \,\|\, s_{ijp}), \quad
        s_{ijp} = \mathrm{softmax}_q(\cos(f^s_{ip}, f^s_{jq}) / T)

    for the pixels :math:`p` of image :math:`i` and :math:`q` of image :math:`j`, without a factor :math:`T^2`. Maps of
    more than ``max_positions`` positions are averaged first, over the smallest square windows that bring them to it.

    The matrices of all images against one, (P, B P), are made one image at a time and made again in the backward pass,
    so that memory grows with :math:`B P^2` and not with :math:`(B P)^2`.

    The teacher is detached. Maps where the mask is False may be anything: they are in no average, no row and no
    softmax, and an image without a valid position is in no pair. Without such an image the value is 0, connected to the
    graph. A position of zeros has the cosine 0.

    Paper: `Cross-Image Relational Knowledge Distillation for Semantic Segmentation <https://arxiv.org/abs/2204.06986>`_

    Args:
        student: Maps (B, Cs, H, W).
        teacher: Maps (B, Ct, H, W).
        mask: Bool (B, H, W), True where a position counts. Defaults to None: all of them.
        temperature: Divides the cosines before the softmax.
        max_positions: How many positions of an image are related at most.

    Returns:
        A scalar in float32, or float64 for float64 maps.

    Raises:
        ValueError: If the shapes do not fit, the mask is not bool or an argument is not legal.
    """
    check_maps(student, teacher, mask)
    _check_arguments(temperature, max_positions)
    if not student.numel():
        return connected_zero(student)
    window = window_for(student.shape[-2:], max_positions)
    counts = None if mask is None else _averaged(mask.unsqueeze(1).float(), None, window).flatten(1) > 0
    teacher = teacher.detach().to(compute_dtype(student))
    own, other = (unit_rows(_averaged(maps, mask, window).flatten(2).mT) for maps in (student, teacher))
    images = [
        checkpoint(_one_against_all, image, own, other, counts, temperature, use_reentrant=False,
                   preserve_rng_state=False)
        for image in range(len(own))
    ]
    number = len(own) if counts is None else counts.any(dim=1).sum().clamp(min=1)
    return sum(images) / number ** 2


@MODELS.register_module()
class PixelRelationLoss(WeightedLoss):
    """Module around :func:`pixel_relation_loss`, which tells the formula.

    The arguments are plain attributes and may be set anew before every step.

    Args:
        temperature: Divides the cosines before the softmax.
        max_positions: How many positions of an image are related at most.
        loss_weight: Multiplies the value.

    Raises:
        ValueError: If an argument is not positive or the weight is negative.
    """

    def __init__(self, temperature: float = 0.1, max_positions: int = 1024, loss_weight: float = 1.0) -> None:
        _check_arguments(temperature, max_positions)
        super().__init__(loss_weight, temperature=temperature, max_positions=max_positions)

    def forward(self, student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted loss of maps (B, Cs, H, W) and (B, Ct, H, W) under a bool mask (B, H, W)."""
        value = pixel_relation_loss(student, teacher, mask, self.temperature, self.max_positions)
        return self.loss_weight * value


def window_for(size: tuple[int, int], max_positions: int) -> int:
    """Return the side of the smallest square windows of which a map of this size has at most ``max_positions``."""
    window = max(1, math.isqrt(size[0] * size[1] // max_positions))
    while math.ceil(size[0] / window) * math.ceil(size[1] / window) > max_positions:
        window += 1
    return window


def _averaged(maps: Tensor, mask: Tensor | None, window: int) -> Tensor:
    maps = maps.to(compute_dtype(maps))
    if mask is not None:
        # How many positions of a window count changes the length of their mean, but not its direction.
        maps = maps.masked_fill(~mask.unsqueeze(1), 0)
    return maps if window == 1 else F.avg_pool2d(maps, window, window, ceil_mode=True)


def _one_against_all(image: int, student: Tensor, teacher: Tensor, counts: Tensor | None,
                     temperature: float) -> Tensor:
    hidden = None if counts is None else ~counts
    own, target = (_similarities(rows, image, hidden, temperature) for rows in (student, teacher))
    # The rows of hidden positions are zeros in both networks, and so are their divergences.
    divergence = softmax_divergence(own, target, 2).sum()
    return divergence / (student.shape[1] if counts is None else counts[image].sum().clamp(min=1))


def _similarities(rows: Tensor, image: int, hidden: Tensor | None, temperature: float) -> Tensor:
    similarity = matmul(rows[image] / temperature, rows.flatten(0, 1).mT).unflatten(1, rows.shape[:2])
    if hidden is not None:
        # -inf would make 0 * (-inf + inf) = nan of them; the lowest number has the probability 0 as well.
        similarity = similarity.masked_fill(hidden, torch.finfo(rows.dtype).min)
    return similarity


def _check_arguments(temperature: float, max_positions: int) -> None:
    check_positive('temperature', temperature)
    check_positive('max_positions', max_positions)
