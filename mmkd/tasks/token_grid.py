"""The patch tokens of a vision transformer, laid out as a map."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class TokenGrid:
    """How the tokens of a transformer of mmpretrain lie on the image.

    Args:
        rows: Rows of patches.
        columns: Columns of patches.
        extra: Tokens that stand for no patch (class, distillation); they come first.
    """

    rows: int
    columns: int
    extra: int

    @classmethod
    def of(cls, backbone: nn.Module) -> 'TokenGrid | None':
        """The grid of a backbone, None for one that gives maps by itself."""
        resolution = getattr(backbone, 'patch_resolution', None)
        if resolution is None or not hasattr(backbone, 'layers') or not hasattr(backbone, 'cls_token'):
            return None
        return cls(*resolution, extra=getattr(backbone, 'num_extra_tokens', 1))

    def as_map(self, tokens: Tensor) -> Tensor:
        """Tokens (N, extra + rows * columns, D) as a map (N, D, rows, columns).

        Raises:
            ValueError: If there are not so many tokens.
        """
        patches = tokens[:, self.extra :]
        if patches.shape[1] != self.rows * self.columns:
            raise ValueError(
                f'The transformer gives {tokens.shape[1]} tokens, but {self.extra} + {self.rows} x {self.columns} were '
                'expected of its img_size: train it with images of that size.'
            )
        return patches.mT.unflatten(2, (self.rows, self.columns))


def token_tap(backbone: nn.Module, stages: Sequence[str]) -> str:
    """Where the deepest map of a backbone, or the output of a transformer's last block, is read."""
    if TokenGrid.of(backbone) is not None:
        return f'backbone.layers.{len(backbone.layers) - 1}'
    return stages[-1] if stages else 'backbone[-1]'
