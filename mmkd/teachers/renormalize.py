"""Show a teacher the student's batch in the colours it was trained on."""

from collections.abc import Callable
from dataclasses import dataclass

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
        mean, std = (torch.zeros(1), torch.ones(1)) if plain else (preprocessor.mean, preprocessor.std)
        names = ('to_rgb', 'channel_conversion', '_channel_conversion')
        flips = any(getattr(preprocessor, name, False) for name in names)
        padding = getattr(preprocessor, 'pad_val', getattr(preprocessor, 'pad_value', 0))
        # Kept in double precision beside the model, whose type and device may change.
        mean, std = (value.detach().cpu().double().reshape(-1, 1, 1) for value in (mean, std))
        return cls(mean, std, flips, float(padding))


class Renormalizer:
    r"""Turns the batch :math:`x` of a student into that of a teacher.

    .. math:: (x \, \sigma_s + \mu_s - \mu_t) / \sigma_t

    with the channels reversed in between where only one of the two reverses them, and the teacher's own value in the
    padding. It takes for granted that both were trained on images loaded in the same order of channels.

    Args:
        student: What the student's preprocessor does.
        teacher: What the teacher's does.
    """

    def __init__(self, student: Colours, teacher: Colours) -> None:
        self.flips = student.flips != teacher.flips
        self.padding = teacher.padding
        mean, std = (value.flip(0) if self.flips else value for value in (student.mean, student.std))
        self.scale, self.shift = std / teacher.std, (mean - teacher.mean) / teacher.std
        self.same_colours = not self.flips and bool((self.scale == 1).all() and (self.shift == 0).all())
        self.same_batch = self.same_colours and student.padding == teacher.padding

    @classmethod
    def between(cls, student: nn.Module, teacher: nn.Module) -> 'Renormalizer':
        """The renormalizer between two data preprocessors."""
        return cls(Colours.of(student), Colours.of(teacher))

    def __call__(self, images: Tensor, valid: Callable[[], list[Tensor] | None]) -> Tensor:
        """The teacher's batch.

        Args:
            images: The student's preprocessed batch (N, C, H, W).
            valid: Gives one bool mask (N, H, W), True where an image is and False where padding is, or None without
                padding. It is asked only if there is anything to change.
        """
        if self.same_batch:
            return images
        seen, masks = self._recoloured(images), valid()
        return seen if masks is None else seen.masked_fill(~masks[0].unsqueeze(1), self.padding)

    def _recoloured(self, images: Tensor) -> Tensor:
        if self.same_colours:
            return images
        # Pixels span 8 bits and more: at least single precision until they are normalised.
        precise = torch.promote_types(images.dtype, torch.float32)
        scale, shift = (value.to(images.device, precise) for value in (self.scale, self.shift))
        images = images.flip(1) if self.flips else images
        return torch.addcmul(shift, images.to(precise), scale).to(images.dtype)
