"""Losses: tensors in, one scalar out."""
from .attention_map import AttentionMapLoss, attention_map, attention_map_loss
from .batch_similarity import BatchSimilarityLoss, batch_similarity_loss
from .binary_soft_target import BinarySoftTargetLoss, binary_soft_target_loss
from .categorical_similarity import CategoricalSimilarityLoss, categorical_similarity_loss
from .channel_wise import ChannelWiseLoss, channel_wise_loss
from .class_correlation import ClassCorrelationLoss, class_correlation_loss
from .contextual import ContextualLoss, contextual_loss
from .decoupled_soft_target import DecoupledSoftTargetLoss, decoupled_soft_target_loss
from .feature_mse import FeatureMSELoss, feature_mse_loss
from .fitnet import FitNetLoss
from .frobenius import squared_gram_distance
from .hierarchical_context import HierarchicalContextLoss, hierarchical_context_loss
from .individual_similarity import IndividualSimilarityLoss, individual_similarity_loss
from .overhaul import OverhaulLoss
from .pairwise_similarity import PairwiseSimilarityLoss, pairwise_similarity_loss
from .pearson_correlation import PearsonCorrelationLoss, pearson_correlation_loss
from .pixel_relation import PixelRelationLoss, pixel_relation_loss
from .ranked_shape import RankedShapeLoss, ranked_shape_loss
from .relational_similarity import RelationalSimilarityLoss, relational_similarity_loss
from .relative_geometry import RelativeAngleLoss, RelativeDistanceLoss, relative_angle_loss, relative_distance_loss
from .soft_target import SoftTargetLoss, soft_target_loss
from .token_contrast import TokenContrastLoss, token_contrast_loss
from .token_graph import TokenGraphLoss, token_graph_loss

__all__ = [
    'AttentionMapLoss', 'BatchSimilarityLoss', 'BinarySoftTargetLoss', 'CategoricalSimilarityLoss', 'ChannelWiseLoss',
    'ClassCorrelationLoss', 'ContextualLoss', 'DecoupledSoftTargetLoss', 'FeatureMSELoss', 'FitNetLoss',
    'HierarchicalContextLoss', 'IndividualSimilarityLoss', 'OverhaulLoss', 'PairwiseSimilarityLoss',
    'PearsonCorrelationLoss', 'PixelRelationLoss', 'RankedShapeLoss', 'RelationalSimilarityLoss', 'RelativeAngleLoss',
    'RelativeDistanceLoss', 'SoftTargetLoss', 'TokenContrastLoss', 'TokenGraphLoss', 'attention_map',
    'attention_map_loss', 'batch_similarity_loss', 'binary_soft_target_loss', 'categorical_similarity_loss',
    'channel_wise_loss', 'class_correlation_loss', 'contextual_loss', 'decoupled_soft_target_loss', 'feature_mse_loss',
    'hierarchical_context_loss', 'individual_similarity_loss', 'pairwise_similarity_loss', 'pearson_correlation_loss',
    'pixel_relation_loss', 'ranked_shape_loss', 'relational_similarity_loss', 'relative_angle_loss',
    'relative_distance_loss', 'soft_target_loss', 'squared_gram_distance', 'token_contrast_loss', 'token_graph_loss']
