"""How the heads of detectors are taught: dense heads, heads on proposals, and heads whose logits nobody knows."""

from mmkd.tasks.detection_heads.base import HeadAdapter
from mmkd.tasks.detection_heads.choose import adapter_of

__all__ = ['HeadAdapter', 'adapter_of']
