"""One layer of the weighted BiFPN that FRSKD uses for classification."""
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from .convs import PointwiseBlock, SeparableConvs
from .fusion import FastNormalizedFusion
from .resize import is_multiple, max_pool_to, nearest_to


class WeightedBiFPNLayer(nn.Module):
    """A top-down pass and a bottom-up pass, with fast normalised fusion and separable convolutions at every node.

    With first laterals L, second laterals L', and 1x1 blocks after resizing::

        P_n = L_n(F_n)
        P_i = convs(fuse(L_i(F_i), up(P_{i+1})))               i = n-1 .. 1
        T_1 = P_1
        T_i = convs(fuse(L'_i(F_i), P_i, down(T_{i-1})))       1 < i < n
        T_n = convs(fuse(L'_n(F_n), down(T_{n-1})))

    Args:
        in_channels: Channels of every input level, finest first.
        channels: Channels of every level inside and at the output.
        depth: Separable convolutions per node.
        first_laterals: Whether the top-down path has laterals of its own; without them it reads the inputs directly,
            which then must have ``channels`` channels and be rectified.
        resample_blocks: Whether a 1x1 block follows each resizing. Without them ``channels`` must be all equal.
        rectify: Whether the maps leave rectified. Inside the layer they always are.
    """

    def __init__(self, in_channels: Sequence[int], channels: Sequence[int], depth: int, first_laterals: bool = True,
                 resample_blocks: bool = True, rectify: bool = True) -> None:
        super().__init__()
        levels = len(channels)
        self.rectify = rectify
        pairs = list(zip(in_channels, channels, strict=True))
        self.first_laterals = nn.ModuleList([PointwiseBlock(*pair) for pair in pairs]) if first_laterals else None
        self.second_laterals = nn.ModuleList([PointwiseBlock(*pair) for pair in pairs[1:]])
        self.up = nn.ModuleList()
        self.down = nn.ModuleList()
        for fine, coarse in pairwise(channels):
            self.up.append(_Up(PointwiseBlock(coarse, fine) if resample_blocks else None))
            self.down.append(_Down(PointwiseBlock(fine, coarse) if resample_blocks else None))
        self.top_down = nn.ModuleList([_Node(2, width, depth, rectify) for width in channels[:-1]])
        self.bottom_up = nn.ModuleList(
            [_Node(3 if level < levels - 1 else 2, channels[level], depth, rectify) for level in range(1, levels)])

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Return one map per level, each of the size of its input, rectified unless asked otherwise."""
        top_down = self._top_down(feats)
        maps = [top_down[0]]
        for level in range(1, len(feats)):
            inputs = [self.second_laterals[level - 1](feats[level])]
            if level < len(feats) - 1:
                inputs.append(self._rectified(top_down[level]))
            inputs.append(self.down[level - 1](self._rectified(maps[-1]), feats[level].shape[2:]))
            maps.append(self.bottom_up[level - 1](*inputs))
        return maps

    def _top_down(self, feats: Sequence[Tensor]) -> list[Tensor]:
        laterals = feats
        if self.first_laterals is not None:
            laterals = [lateral(feat) for lateral, feat in zip(self.first_laterals, feats, strict=True)]
        maps = [laterals[-1]]
        for level in reversed(range(len(feats) - 1)):
            coarser = self.up[level](self._rectified(maps[0]), feats[level].shape[2:])
            maps.insert(0, self.top_down[level](laterals[level], coarser))
        return maps

    def _rectified(self, feat: Tensor) -> Tensor:
        return feat if self.rectify else feat.relu()


class _Node(nn.Module):
    # A fusion and the convolutions after it. They may end in a ReLU: every consumer would rectify its input anyway.

    def __init__(self, num_inputs: int, channels: int, depth: int, rectify: bool) -> None:
        super().__init__()
        self.fusion = FastNormalizedFusion(num_inputs)
        self.convs = SeparableConvs(channels, depth, rectify)

    def forward(self, *feats: Tensor) -> Tensor:
        return self.convs(self.fusion(*feats))


class _Up(nn.Module):

    def __init__(self, block: nn.Module | None) -> None:
        super().__init__()
        self.block = block

    def forward(self, feat: Tensor, size: Sequence[int]) -> Tensor:
        if self.block is None:
            return nearest_to(feat, size)
        # The 1x1 block commutes with the nearest neighbour and is cheaper at the small size. Batch statistics stay the
        # same only where every position is repeated equally often.
        if not self.training or is_multiple(size, feat):
            return nearest_to(self.block(feat), size)
        return self.block(nearest_to(feat, size))


class _Down(nn.Module):

    def __init__(self, block: nn.Module | None) -> None:
        super().__init__()
        self.block = block

    def forward(self, feat: Tensor, size: Sequence[int]) -> Tensor:
        pooled = max_pool_to(feat, size)
        return pooled if self.block is None else self.block(pooled)
