"""Checks of arguments that several networks have."""
from collections.abc import Sequence

from torch import Tensor


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise a ``ValueError`` unless ``value`` is at least ``least``."""
    if value < least:
        raise ValueError(f'{name} is {value}, it must be at least {least}: raise it.')


def check_in_channels(in_channels: Sequence[int]) -> None:
    """Raise a ``ValueError`` unless there are two or more levels with one or more channels each."""
    if len(in_channels) < 2 or min(in_channels) < 1:
        raise ValueError(
            f'in_channels is {list(in_channels)}, it must name at least 2 levels with at least 1 channel each: one '
            'entry per feature map, finest first.')


def check_features(feats: Sequence[Tensor], in_channels: Sequence[int]) -> None:
    """Raise a ``ValueError`` unless the feature maps are (N, C, H, W) with the channels of ``in_channels``."""
    found = [feat.shape[1] if feat.dim() == 4 else None for feat in feats]
    if found != list(in_channels):
        raise ValueError(
            f'The feature maps have the shapes {[tuple(feat.shape) for feat in feats]}, they must be (N, C, H, W) '
            f'with the channels {list(in_channels)}: set in_channels to what the features have.')


def check_out_indices(out_indices: Sequence[int], stages: int) -> None:
    """Raise a ``ValueError`` unless ``out_indices`` names one or more of so many stages."""
    if not out_indices or not set(out_indices) <= set(range(stages)):
        names = f'{", ".join(map(str, range(stages - 1)))} and {stages - 1}'
        raise ValueError(
            f'out_indices is {tuple(out_indices)}, it must name one or more of the stages {names}: correct it.')
