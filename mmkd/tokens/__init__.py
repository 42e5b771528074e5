"""Tokens of feature maps: patches, samples of them, and how near they lie to each other."""

from mmkd.tokens.kernel_width import median_distance
from mmkd.tokens.pair import TokenPair
from mmkd.tokens.patches import FORMS, token_channels, token_map, valid_patches
from mmkd.tokens.sampling import TokenSample, draw

__all__ = [
    'FORMS',
    'TokenPair',
    'TokenSample',
    'draw',
    'median_distance',
    'token_channels',
    'token_map',
    'valid_patches',
]
