"""All comparisons: our form, the plain one, and inputs of a usual size or tiny ones."""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.peers import (
    attention_transfer,
    channel_wise,
    class_correlation,
    decoupled_soft_targets,
    pairwise_similarity,
    ranked_shape,
    relational_geometry,
    relational_similarity,
    reverse_guidance,
    self_attention,
    similarity_preserving,
    soft_targets,
    token_graph,
)
from benchmarks.peers.ours import OurDRG, our_self_attention
from benchmarks.peers.peer import Peer
from mmkd import losses

CASES: dict[str, Callable[[bool], Peer]] = {}


def case(name: str) -> Callable[[Callable], Callable]:
    """Enter a function of ``tiny`` that makes a comparison: its size in words, the two forms, and their inputs."""

    def enter(make: Callable) -> Callable:
        CASES[name] = lambda tiny=False: Peer(name, *make(tiny))
        return make

    return enter


def normal(*shape: int, seed: int = 0, trained: bool = False) -> Tensor:
    """Normal numbers; ``trained`` ones get a gradient."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_(trained)


def pair(*shape: int) -> tuple[Tensor, Tensor]:
    """What a student gives, and a teacher."""
    return normal(*shape, trained=True), normal(*shape, seed=1)


def labels(count: int, classes: int) -> Tensor:
    """One class per row."""
    return torch.arange(count) * 7 % classes


@case('soft targets')
def _soft_targets(tiny: bool) -> tuple:
    shape = (6, 5) if tiny else (256, 1000)
    return f'logits {shape}', losses.SoftTargetLoss(4.0), lambda *x: soft_targets.soft_targets(*x, 4.0), pair(*shape)


@case('soft targets of pixels')
def _pixel_soft_targets(tiny: bool) -> tuple:
    shape = (2, 5, 4, 6) if tiny else (4, 19, 128, 128)
    plain = lambda *x: soft_targets.pixel_soft_targets(*x, 1.0)  # noqa: E731
    return f'logits {shape}', losses.SoftTargetLoss(1.0), plain, pair(*shape)


@case('attention transfer')
def _attention_transfer(tiny: bool) -> tuple:
    shape = (2, 6, 4, 4) if tiny else (32, 128, 32, 32)
    return f'maps {shape}', losses.AttentionMapLoss(), attention_transfer.attention_transfer, pair(*shape)


@case('channel-wise')
def _channel_wise(tiny: bool) -> tuple:
    shape = (2, 5, 4, 6) if tiny else (4, 19, 128, 128)
    return f'maps {shape}', losses.ChannelWiseLoss(4.0), lambda *x: channel_wise.channel_wise(*x, 4.0), pair(*shape)


@case('DKD')
def _dkd(tiny: bool) -> tuple:
    rows, classes = (6, 5) if tiny else (256, 1000)
    inputs = *pair(rows, classes), labels(rows, classes)
    plain = decoupled_soft_targets.decoupled_soft_targets
    return f'logits {rows, classes}', losses.DecoupledSoftTargetLoss(), plain, inputs


@case('DIST')
def _dist(tiny: bool) -> tuple:
    shape = (6, 5) if tiny else (256, 1000)
    return f'logits {shape}', losses.ClassCorrelationLoss(), class_correlation.class_correlation, pair(*shape)


@case('RKD, distances')
def _distances(tiny: bool) -> tuple:
    shape = (6, 5) if tiny else (128, 512)
    return f'rows {shape}', losses.RelativeDistanceLoss(), relational_geometry.distances, pair(*shape)


@case('RKD, angles')
def _angles(tiny: bool) -> tuple:
    shape = (6, 5) if tiny else (64, 512)
    return f'rows {shape}', losses.RelativeAngleLoss(), relational_geometry.angles, pair(*shape)


@case('similarity preserving')
def _similarity_preserving(tiny: bool) -> tuple:
    shape = (6, 5, 2, 2) if tiny else (128, 256, 8, 8)
    plain = similarity_preserving.similarity_preserving
    return f'maps {shape}', losses.BatchSimilarityLoss(), plain, pair(*shape)


@case('pair-wise similarity')
def _pairwise(tiny: bool) -> tuple:
    shape = (2, 3, 3, 4) if tiny else (1, 64, 64, 64)
    plain = pairwise_similarity.pairwise_similarity
    return f'maps {shape}', losses.PairwiseSimilarityLoss(window=1), plain, pair(*shape)


@case('MLKD, relations of four views')
def _views(tiny: bool) -> tuple:
    shape = (8, 5) if tiny else (256, 256)
    ours = losses.RelationalSimilarityLoss(0.5)
    return f'rows {shape}', lambda *x: ours(*x, num_views=4), relational_similarity.views_similarity, pair(*shape)


@case('MLKD, relations of sampled pixels')
def _pixels(tiny: bool) -> tuple:
    shape = (8, 5) if tiny else (2048, 128)
    ours = losses.RelationalSimilarityLoss(0.5)
    return f'rows {shape}', ours, relational_similarity.rows_similarity, pair(*shape)


@case('TRG, graph')
def _graph(tiny: bool) -> tuple:
    shape = (8, 5) if tiny else (1024, 256)
    ours = losses.TokenGraphLoss(num_neighbors=3 if tiny else 9)
    plain = lambda *x: token_graph.token_graph(*x, ours.num_neighbors)  # noqa: E731
    return f'tokens {shape}', ours, plain, pair(*shape)


@case('TRG, contrast')
def _contrast(tiny: bool) -> tuple:
    shape = (8, 5) if tiny else (1024, 256)
    return f'tokens {shape}', losses.TokenContrastLoss(), token_graph.token_contrast, pair(*shape)


@case('TRG, context')
def _context(tiny: bool) -> tuple:
    shape = (2, 6, 5) if tiny else (16, 196, 192)
    return f'tokens {shape}', losses.ContextualLoss(), token_graph.contextual, pair(*shape)


@case('DSR')
def _dsr(tiny: bool) -> tuple:
    shape = (6, 5) if tiny else (256, 1000)
    ours = losses.RankedShapeLoss(4.0)
    ranked = lambda previous: (previous / 4.0).softmax(dim=1).sort(dim=1).values  # noqa: E731
    return f'logits {shape}', lambda own, last: ours(own, ranked(last)), ranked_shape.ranked_shape, pair(*shape)


@case('DRG')
def _drg(tiny: bool) -> tuple:
    batch, channels, side, classes = (4, 8, 4, 5) if tiny else (16, 64, 16, 100)
    inputs = normal(batch, channels, side, side, trained=True), normal(batch, classes, trained=True)
    forms = OurDRG(channels, classes), reverse_guidance.PlainDRG(channels, classes)
    return f'map {batch, channels, side, side}', *forms, (*inputs, labels(batch, classes))


@case('self-attention')
def _self_attention(tiny: bool) -> tuple:
    batch, width, side = (2, 3, 8) if tiny else (16, 64, 32)
    stages = [normal(batch, width << i, side >> i, side >> i, seed=i, trained=i < 3) for i in range(4)]
    return f'stages from {tuple(stages[0].shape)}', our_self_attention, self_attention.self_attention, (stages,)


@case('FRSKD')
def _frskd(tiny: bool) -> tuple:
    return frskd(8, 4) if tiny else frskd(16, 32)


def frskd(width: int, batch: int, channels_last: bool = False) -> tuple:
    """A step of FRSKD for classification, forward and backward of both networks; ours maybe channels-last."""
    # Imported here, because it needs mmpretrain.
    from benchmarks.peers.frskd import PlainFRSKD
    from benchmarks.peers.frskd_ours import OurFRSKD

    torch.manual_seed(0)
    ours = OurFRSKD(width)
    if channels_last:
        ours.to(memory_format=torch.channels_last)
    inputs = normal(batch, 3, 32, 32), labels(batch, 100)
    return f'{batch} images, width {width}', ours, PlainFRSKD(width), inputs
