"""Show a teacher the student's batch in the colours it was trained on."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Colours:
    """What a data preprocessor does to pixels.

    Args:
        mean: Subtracted per channel, (C, 1, 1).
        std: Divided by, (C, 1, 1).
        flips: Whether it reverses the order of the channels.
        padding: Value of the padding after normalisation.
    """

    mean: Tensor
    std: Tensor
    flips: bool
    padding: float

    @classmethod
    def of(cls, preprocessor: nn.Module) -> 'Colours':
        """Read off a data preprocessor of mmseg, mmdet or mmpretrain."""
        plain = not getattr(preprocessor, '_enable_normalize', False)
        mean = torch.zeros(1, 1, 1) if plain else preprocessor.mean.reshape(-1, 1, 1)
        std = torch.ones(1, 1, 1) if plain else preprocessor.std.reshape(-1, 1, 1)
        flips = getattr(preprocessor, 'to_rgb', False) or getattr(
            preprocessor, 'channel_conversion', getattr(preprocessor, '_channel_conversion', False)
        )
        padding: Any = getattr(preprocessor, 'pad_val', getattr(preprocessor, 'pad_value', 0))
        return cls(mean.float(), std.float(), bool(flips), float(padding))

    def like(self, other: 'Colours') -> bool:
        """Whether another preprocessor gives the same batch."""
        pairs = ((self.mean, other.mean), (self.std, other.std))
        same = [torch.equal(*torch.broadcast_tensors(*pair)) for pair in pairs]
        return all(same) and self.flips == other.flips and self.padding == other.padding


@dataclass(frozen=True)
class Renormalizer:
    r"""Turns the batch :math:`x` of a student into that of a teacher.

    .. math:: (x \, \sigma_s + \mu_s - \mu_t) / \sigma_t

    with the channels reversed in between where only one of the two reverses them, and the teacher's own value in the
    padding. It takes for granted that both were trained on images loaded in the same order of channels.

    Args:
        student: What the student's preprocessor does.
        teacher: What the teacher's does.
    """

    student: Colours
    teacher: Colours

    @classmethod
    def between(cls, student: nn.Module, teacher: nn.Module) -> 'Renormalizer':
        """The renormalizer between two data preprocessors."""
        return cls(Colours.of(student), Colours.of(teacher))

    def __call__(self, images: Tensor, valid: list[Tensor] | None = None) -> Tensor:
        """The teacher's batch.

        Args:
            images: The student's preprocessed batch (N, C, H, W).
            valid: One bool mask (N, H, W), True where an image is and False where padding is; None without padding.
        """
        if self.student.like(self.teacher):
            return images
        mean, std, other_mean, other_std = (
            value.to(images.device)
            for value in (self.student.mean, self.student.std, self.teacher.mean, self.teacher.std)
        )
        pixels = images.float() * std + mean
        if self.student.flips != self.teacher.flips:
            pixels = pixels.flip(1)
        seen = (pixels - other_mean) / other_std
        return seen if valid is None else seen.masked_fill(~valid[0].unsqueeze(1), self.teacher.padding)
