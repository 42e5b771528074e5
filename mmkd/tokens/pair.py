"""The tokens of student and teacher at the same positions of one level."""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from mmkd.tokens.patches import token_rows
from mmkd.tokens.sampling import TokenSample

Comparison = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TokenPair:
    """Tokens of one level, laid out as maps.

    Args:
        student: Tokens (N, Ds, rows, columns).
        teacher: Tokens (N, Dt, rows, columns).
        valid: Bool (N, rows, columns), False where a token has seen padding or void alone; None: all count.
    """

    student: Tensor
    teacher: Tensor
    valid: Tensor | None

    @property
    def count(self) -> int:
        """Number of tokens P of an image."""
        return self.student.shape[2] * self.student.shape[3]

    def rows(self) -> tuple[Tensor, Tensor]:
        """Tokens (N, P, Ds) and (N, P, Dt)."""
        return token_rows(self.student), token_rows(self.teacher)

    def sampled(self, sample: TokenSample) -> tuple[Tensor, Tensor]:
        """The drawn tokens of the batch, (M, Ds) and (M, Dt)."""
        return tuple(sample.of_batch(tokens) for tokens in self.rows())

    def pooled(self, side: int) -> 'TokenPair':
        """The same tokens averaged down to at most side x side."""
        rows, columns = (min(length, side) for length in self.student.shape[-2:])
        valid = self.valid
        if valid is not None:
            valid = F.adaptive_max_pool2d(valid.float(), (rows, columns)) > 0
        maps = (F.adaptive_avg_pool2d(tokens, (rows, columns)) for tokens in (self.student, self.teacher))
        return TokenPair(*maps, valid)

    def compare_images(self, comparison: Comparison, sample: TokenSample | None = None) -> Tensor:
        """The mean of a comparison of (B, P, Ds) with (B, P, Dt) over images, of the tokens that count alone.

        Args:
            comparison: A mean over the images that it is given, and a connected 0 without an image or token.
            sample: Which tokens are compared; None: all.
        """
        student, teacher = self.rows() if sample is None else map(sample.of_images, self.rows())
        valid = sample.valid if sample is not None else None if self.valid is None else self.valid.flatten(1)
        if valid is None:
            return comparison(student, teacher)
        images = [
            comparison(own[counts].unsqueeze(0), other[counts].unsqueeze(0))
            for own, other, counts in zip(student, teacher, valid, strict=True)
            if counts.any()
        ]
        return sum(images) / len(images) if images else comparison(student[:0], teacher[:0])
