"""Losses that are made with wrong arguments, or handed tensors that do not fit."""
import math

import pytest
import torch

from mmkd import losses
from mmkd.registry import MODELS
from tests.faults import check_refused

ARGUMENTS = {
    'negative weight': (dict(type='SoftTargetLoss', loss_weight=-1), 'loss_weight is -1'),
    'nan weight': (dict(type='SoftTargetLoss', loss_weight=math.nan), 'loss_weight is nan'),
    'temperature of 0': (dict(type='ChannelWiseLoss', temperature=0), 'temperature is 0'),
    'nan temperature': (dict(type='TokenContrastLoss', temperature=math.nan), 'temperature is nan'),
    'normalization': (dict(type='AttentionMapLoss', normalize='l3'), "'l3'", 'zscore'),
    'reduction of attention': (dict(type='AttentionMapLoss', reduction='max'), "'max'", 'norm'),
    'power': (dict(type='AttentionMapLoss', power=0.5), 'power is 0.5'),
    'reduction of maps': (dict(type='FeatureMSELoss', reduction='none'), "'none'", 'mean'),
    'weight of a part': (dict(type='ClassCorrelationLoss', intra_weight=-2), 'intra_weight is -2'),
    'weight of the others': (dict(type='DecoupledSoftTargetLoss', nontarget_weight=-2), 'nontarget_weight is -2'),
    'eps': (dict(type='CategoricalSimilarityLoss', eps=-1), 'eps is -1'),
    'graph': (dict(type='TokenGraphLoss', graph='both'), "'both'", 'own'),
    'softmax': (dict(type='TokenGraphLoss', softmax='none'), "'none'", 'edge'),
    'neighbours': (dict(type='TokenGraphLoss', num_neighbors=0), 'num_neighbors is 0'),
    'sigma': (dict(type='TokenGraphLoss', sigma=0), 'sigma is 0'),
    'window': (dict(type='PairwiseSimilarityLoss', window=0), 'window is 0'),
    'positions': (dict(type='PixelRelationLoss', max_positions=0), 'max_positions is 0'),
    'margin': (dict(type='OverhaulLoss', in_channels=[1], out_channels=[1], margin=1), 'margin is 1'),
    'channels': (dict(type='FitNetLoss', in_channels=[1, 2], out_channels=[1]), '[1, 2]'),
    'no channel': (dict(type='FitNetLoss', in_channels=[0], out_channels=[1]), '[0]'),
}


@pytest.mark.parametrize('name', ARGUMENTS)
def test_a_wrong_argument_is_told(name):
    config, *found = ARGUMENTS[name]
    check_refused(lambda: MODELS.build(config), *found)


def zeros(*shape):
    return torch.zeros(shape)


MAPS, MASK = (2, 3, 4, 4), torch.ones(2, 4, 4)
REGRESSED = losses.FitNetLoss([3], [5])
CALLS = {
    'soft targets of other classes': (losses.soft_target_loss, zeros(2, 3), zeros(2, 4), '(2, 3)', '(2, 4)'),
    'soft targets of a vector': (losses.soft_target_loss, zeros(3), zeros(3), '(3,)'),
    'float mask': (losses.soft_target_loss, zeros(*MAPS), zeros(*MAPS), MASK, 'torch.float32'),
    'mask of another size': (losses.soft_target_loss, zeros(*MAPS), zeros(*MAPS), MASK[:1].bool(), '(1, 4, 4)'),
    'labels of another number': (losses.decoupled_soft_target_loss, zeros(2, 3), zeros(2, 3), torch.arange(3), '(3,)'),
    'labels that are no integers': (losses.decoupled_soft_target_loss, zeros(2, 3), zeros(2, 3), zeros(2), 'float32'),
    'one class': (losses.class_correlation_loss, zeros(2, 1), zeros(2, 1), '(2, 1)'),
    'binary rows': (losses.binary_soft_target_loss, zeros(2, 3), zeros(3, 3), '(3, 3)'),
    'weights of rows': (losses.individual_similarity_loss, zeros(2, 3), zeros(2, 3), zeros(3), '(3,)'),
    'levels': (losses.attention_map_loss, [zeros(*MAPS)], [zeros(*MAPS)] * 2, '1 levels', '2'),
    'no level': (losses.attention_map_loss, [], [], '0 levels'),
    'sizes of a level': (losses.attention_map_loss, zeros(*MAPS), zeros(2, 3, 2, 2), '(2, 3, 2, 2)'),
    'masks of levels': (losses.attention_map_loss, zeros(*MAPS), zeros(*MAPS), 'l2', 'mean', 2, [MASK.bool()] * 2, '2'),
    'a vector for a map': (losses.attention_map, zeros(2, 3), '(2, 3)'),
    'maps of other channels': (losses.feature_mse_loss, zeros(*MAPS), zeros(2, 4, 4, 4), '(2, 4, 4, 4)'),
    'channel-wise sizes': (losses.channel_wise_loss, zeros(*MAPS), zeros(2, 3, 4, 5), '(2, 3, 4, 5)'),
    'context of rows': (losses.hierarchical_context_loss, zeros(2, 3), zeros(2, 3), '(2, 3)'),
    'correlation of batches': (losses.pearson_correlation_loss, zeros(*MAPS), zeros(1, 3, 4, 4), '(1, 3, 4, 4)'),
    'pairs of sizes': (losses.pairwise_similarity_loss, zeros(*MAPS), zeros(2, 5, 2, 2), '(2, 5, 2, 2)'),
    'relations of sizes': (losses.pixel_relation_loss, zeros(*MAPS), zeros(2, 5, 2, 2), '(2, 5, 2, 2)'),
    'images of a batch': (losses.batch_similarity_loss, zeros(2, 3), zeros(3, 3), '(3, 3)'),
    'tokens of images': (losses.contextual_loss, zeros(2, 3, 4), zeros(2, 5, 4), '(2, 5, 4)'),
    'distances of rows': (losses.relative_distance_loss, zeros(2, 3), zeros(3, 3), '(3, 3)'),
    'angles of maps': (losses.relative_angle_loss, zeros(*MAPS), zeros(*MAPS), '(2, 3, 4, 4)'),
    'views': (losses.relational_similarity_loss, zeros(3, 2), zeros(3, 2), 2, '2'),
    'widths of tokens': (losses.token_contrast_loss, zeros(3, 2), zeros(3, 4), '(3, 4)'),
    'numbers of tokens': (losses.token_graph_loss, zeros(3, 2), zeros(4, 2), '(4, 2)'),
    'labels of embeddings': (losses.categorical_similarity_loss, zeros(3, 2), zeros(3, 2), zeros(2), '(2,)'),
    'profile': (losses.ranked_shape_loss, zeros(3, 2), zeros(4, 2), '(4, 2)'),
    'regressed channels': (REGRESSED, zeros(2, 4, 4, 4), zeros(2, 5, 4, 4), '(2, 4, 4, 4)'),
    'regressed levels': (REGRESSED, [zeros(*MAPS)] * 2, [zeros(2, 5, 4, 4)] * 2, '[(3, 5)]'),
    'no regressed level': (REGRESSED, [], [], '[(3, 5)]'),
    'masks of regressed levels': (REGRESSED, zeros(*MAPS), zeros(2, 5, 4, 4), [MASK.bool()] * 2, '2'),
    'mask of regressed maps': (REGRESSED, zeros(*MAPS), zeros(2, 5, 4, 4), MASK, 'torch.float32'),
}


@pytest.mark.parametrize('name', CALLS)
def test_tensors_that_do_not_fit_are_told(name):
    call, *inputs = CALLS[name]
    split = next(i for i, value in enumerate(inputs) if isinstance(value, str) and value not in ('l2', 'mean'))
    check_refused(lambda: call(*inputs[:split]), *inputs[split:], error=ValueError)
