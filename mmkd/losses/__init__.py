"""Losses: tensors in, one scalar out."""
from .attention_map import AttentionMapLoss, attention_map, attention_map_loss
from .soft_target import SoftTargetLoss, soft_target_loss

__all__ = ['AttentionMapLoss', 'SoftTargetLoss', 'attention_map', 'attention_map_loss', 'soft_target_loss']
