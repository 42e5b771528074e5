"""Tensors and calls of losses that hypothesis draws."""
import math
from dataclasses import dataclass

import torch
from hypothesis import strategies as st

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
MAGNITUDES = (0.01, 1.0, 100.0, 1e4)
"""Half precision ends at 65504, and the gradient of a direction grows as its length shrinks."""


@dataclass
class Call:
    """One call of a loss, and what has to come out of it."""

    loss: torch.nn.Module
    student: torch.Tensor
    teacher: torch.Tensor
    others: tuple = ()
    hidden: torch.Tensor | None = None
    """Where the student's numbers do not count."""
    is_empty: bool = False
    """Whether nothing is left that counts."""
    trains_teacher: bool = False


class Numbers:
    """Draws tensors of one type, magnitude and kind."""

    def __init__(self, draw):
        self.draw = draw
        self.generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
        self.dtype = self.one_of(*DTYPES)
        self.magnitude = self.one_of(*MAGNITUDES)
        self.kind = self.one_of('normal', 'coarse', 'equal', 'zero')

    def one_of(self, *values):
        return self.draw(st.sampled_from(values))

    def size(self, least=1):
        return self.draw(st.integers(least, 5))

    def tensor(self, *shape):
        values = torch.randn(shape, generator=self.generator, dtype=torch.float64)
        if self.kind == 'coarse':
            # zeros, and rows that are equal: norms and distances have no gradient there
            values = values.round()
        elif self.kind != 'normal':
            values.fill_(1.0 if self.kind == 'equal' else 0.0)
        return (values * self.magnitude).clamp(-max(MAGNITUDES), max(MAGNITUDES)).to(self.dtype)

    def mask(self, *shape):
        """None, or bool, of which all, some or none are True."""
        share = self.one_of(None, 0.0, 0.5, 1.0)
        return None if share is None else torch.rand(shape, generator=self.generator) < share

    def classes(self, count, *shape):
        return torch.randint(0, count, shape, generator=self.generator)

    def temperature(self):
        return self.one_of(0.07, 0.5, 1.0, 4.0)


def under_mask(loss, student, teacher, mask, *others):
    """A call with a mask (N, *) of inputs (N, C, *), what it hides being nan."""
    if mask is None:
        return Call(loss, student, teacher, (*others, None))
    hidden = ~mask.unsqueeze(1)
    student, teacher = (side.masked_fill(hidden, math.nan) for side in (student, teacher))
    return Call(loss, student, teacher, (*others, mask), hidden.expand_as(student), not mask.any())


def on_maps(make, equal_channels=True):
    """What draws a call of a loss on maps (N, C, H, W) under a mask (N, H, W)."""

    def draw(numbers):
        count, *size = (numbers.size() for _ in range(3))
        channels = numbers.size()
        student = numbers.tensor(count, channels, *size)
        teacher = numbers.tensor(count, channels if equal_channels else numbers.size(), *size)
        return under_mask(make(numbers), student, teacher, numbers.mask(count, *size))

    return draw


def on_rows(make, equal_width=True, least=2):
    """What draws a call of a loss on rows (M, D), of which fewer than ``least`` have nothing to be compared with."""

    def draw(numbers):
        count, width = numbers.size(), numbers.size()
        teacher = numbers.tensor(count, width if equal_width else numbers.size())
        return Call(make(numbers), numbers.tensor(count, width), teacher, is_empty=count < least)

    return draw
