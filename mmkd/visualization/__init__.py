"""Pictures of what a student and its self-teacher see."""

from mmkd.visualization.attention import attention_map, draw_attention_pair
from mmkd.visualization.segmentation import draw_segmentation, present_classes
from mmkd.visualization.sheet import save_sheet

__all__ = ['attention_map', 'draw_attention_pair', 'draw_segmentation', 'present_classes', 'save_sheet']
