"""Draw some tokens of every image."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenSample:
    """Positions that were drawn, the same for all networks.

    Args:
        positions: Indices (N, n) of tokens, different ones in each image.
        valid: Bool (N, n), False where an image had too few tokens; None: all count.
    """

    positions: Tensor
    valid: Tensor | None

    def of_images(self, tokens: Tensor) -> Tensor:
        """The drawn ones of tokens (N, P, D), image by image, those that do not count included: (N, n, D)."""
        return tokens.gather(1, self.positions.unsqueeze(2).expand(-1, -1, tokens.shape[2]))

    def of_batch(self, tokens: Tensor) -> Tensor:
        """The drawn ones of tokens (N, P, D) that count, of all images: (M, D)."""
        drawn = self.of_images(tokens)
        return drawn.flatten(0, 1) if self.valid is None else drawn[self.valid]


def draw(images: int, tokens: int, per_image: int, maximum: int, valid: Tensor | None, device: torch.device
         ) -> TokenSample:
    """Draw tokens of every image without replacement, by torch's generator of random numbers on the CPU.

    Args:
        images: Number of images N.
        tokens: Number of tokens P of each.
        per_image: How many are drawn of each image, fewer if there are not so many.
        maximum: How many are drawn of all images at most. In a batch with more images, some have none.
        valid: Bool (N, P), which tokens may be drawn; None: all.
        device: Where the tokens lie.
    """
    count = min(tokens, per_image, max(maximum // max(images, 1), 1))
    lots = torch.rand(images, tokens).to(device)
    if valid is not None:
        lots = lots.masked_fill(~valid, -1)
    drawn, positions = lots.topk(count, dim=1)
    counts = None if valid is None else drawn >= 0
    if images > maximum:
        chosen = torch.zeros(images, 1, dtype=torch.bool).index_fill_(0, torch.randperm(images)[:maximum], True)
        chosen = chosen.to(device).expand(-1, count)
        counts = chosen if counts is None else counts & chosen
    return TokenSample(positions, counts)
