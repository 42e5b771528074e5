"""Data sets, beside those of the toolboxes."""

from mmkd.datasets.long_tailed import LongTailed

__all__ = ['LongTailed']
