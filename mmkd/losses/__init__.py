"""Losses: tensors in, one scalar out."""
from .attention_map import AttentionMapLoss, attention_map, attention_map_loss
from .binary_soft_target import BinarySoftTargetLoss, binary_soft_target_loss
from .categorical_similarity import CategoricalSimilarityLoss, categorical_similarity_loss
from .channel_wise import ChannelWiseLoss, channel_wise_loss
from .contextual import ContextualLoss, contextual_loss
from .fitnet import FitNetLoss
from .individual_similarity import IndividualSimilarityLoss, individual_similarity_loss
from .overhaul import OverhaulLoss
from .ranked_shape import RankedShapeLoss, ranked_shape_loss
from .relational_similarity import RelationalSimilarityLoss, relational_similarity_loss
from .soft_target import SoftTargetLoss, soft_target_loss
from .token_contrast import TokenContrastLoss, token_contrast_loss
from .token_graph import TokenGraphLoss, token_graph_loss

__all__ = [
    'AttentionMapLoss', 'BinarySoftTargetLoss', 'CategoricalSimilarityLoss', 'ChannelWiseLoss', 'ContextualLoss',
    'FitNetLoss', 'IndividualSimilarityLoss', 'OverhaulLoss', 'RankedShapeLoss', 'RelationalSimilarityLoss',
    'SoftTargetLoss', 'TokenContrastLoss', 'TokenGraphLoss', 'attention_map', 'attention_map_loss',
    'binary_soft_target_loss', 'categorical_similarity_loss', 'channel_wise_loss', 'contextual_loss',
    'individual_similarity_loss', 'ranked_shape_loss', 'relational_similarity_loss', 'soft_target_loss',
    'token_contrast_loss', 'token_graph_loss']
