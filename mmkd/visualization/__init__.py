"""Pictures of what a student and its teacher see."""

from mmkd.visualization.attention import attention_map
from mmkd.visualization.features import look
from mmkd.visualization.painter import painter_of
from mmkd.visualization.sample import Sample, draw_sample
from mmkd.visualization.sheet import save_sheet, to_rgb

__all__ = ['Sample', 'attention_map', 'draw_sample', 'look', 'painter_of', 'save_sheet', 'to_rgb']
