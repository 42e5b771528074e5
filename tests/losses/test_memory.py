"""Losses on relations build one matrix of their rows: never one of all positions of all images, nor one per channel."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from mmkd.losses import (
    AttentionMapLoss,
    BatchSimilarityLoss,
    CategoricalSimilarityLoss,
    ContextualLoss,
    PairwiseSimilarityLoss,
    PixelRelationLoss,
    RelationalSimilarityLoss,
    RelativeDistanceLoss,
    TokenContrastLoss,
    TokenGraphLoss,
)
from mmkd.losses.reduce import PART
from mmkd.profiling.memory import saved_bytes
from tests.losses.common import matrices_kept

ROWS = 512
MATRIX = ROWS**2


class LargestTensor(TorchDispatchMode):
    """Keeps the number of bytes of the largest tensor that is made, forward or backward."""

    size = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        made = function(*arguments, **(named or {}))
        sizes = [leaf.untyped_storage().nbytes() for leaf in tree_iter(made) if isinstance(leaf, torch.Tensor)]
        self.size = max(self.size, *sizes, 0)
        return made


def largest(loss, student, teacher, *more):
    """Number of float32 elements of the largest tensor in a step of a loss."""
    student.requires_grad_()
    with LargestTensor() as made:
        loss(student, teacher, *more).backward()
    assert student.grad.abs().sum() > 0
    return made.size / 4


CASES = {
    'relational': (RelationalSimilarityLoss(), (), MATRIX),
    'relational, four views': (RelationalSimilarityLoss(), (4,), MATRIX * 3 // 16),  # three views against the first
    'categorical': (CategoricalSimilarityLoss(), (torch.arange(ROWS) % 7,), 4 * MATRIX),  # rows of both networks
    'distance': (RelativeDistanceLoss(), (), MATRIX),
    **{f'graph, {graph}, {softmax}': (TokenGraphLoss(graph=graph, softmax=softmax), (), MATRIX)
       for graph in ('own', 'teacher') for softmax in ('all', 'edge')},
}


@pytest.mark.parametrize('case', CASES)
def test_one_matrix_of_all_rows(case):
    loss, more, matrix = CASES[case]
    assert largest(loss, torch.randn(ROWS, 8), torch.randn(ROWS, 8), *more) == matrix


IMAGES, POSITIONS, CHANNELS = 8, 16 * 16, 4


def largest_of_maps(loss, *more):
    return largest(loss, *[torch.randn(IMAGES, CHANNELS, 16, 16) for _ in range(2)], *more)


def test_parts_of_what_is_never_whole():
    tokens = [torch.randn(2 * ROWS, 8) for _ in range(2)]
    assert largest(TokenContrastLoss(), *tokens) == PART < 4 * MATRIX
    tokens = [torch.randn(IMAGES, POSITIONS, CHANNELS) for _ in range(2)]
    assert largest(ContextualLoss(), *tokens) == PART < IMAGES * POSITIONS**2


@pytest.mark.parametrize('more', [(), (torch.rand(IMAGES, 16, 16) > 0.2,)], ids=['all positions', 'some positions'])
def test_positions_of_one_image_at_a_time(more):
    assert largest_of_maps(PixelRelationLoss(), *more) == IMAGES * POSITIONS**2
    assert largest_of_maps(PixelRelationLoss(max_positions=64), *more) == IMAGES * 64**2


@pytest.mark.parametrize('loss', [PairwiseSimilarityLoss(), PairwiseSimilarityLoss(window=1), BatchSimilarityLoss()])
def test_nothing_but_the_maps(loss):
    assert largest_of_maps(loss) == IMAGES * CHANNELS * POSITIONS


LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize('layout', LAYOUTS, ids=['channels first', 'channels last'])
@pytest.mark.parametrize('mask', [None, torch.rand(4, 64, 64) > 0.2], ids=['all positions', 'some positions'])
def test_attention_of_half_precision_makes_no_map_in_single_precision(layout, mask):
    maps = [torch.randn(4, 64, 64, 64).bfloat16().to(memory_format=layout) for _ in range(2)]
    # the gradient is in half precision; what is converted, a part at a time, is smaller
    assert largest(AttentionMapLoss(), *maps, mask) * 4 == maps[0].numel() * 2


@pytest.mark.parametrize('mask', [None, torch.rand(2, 8, 8) > 0.2], ids=['all positions', 'some positions'])
def test_attention_keeps_the_map_and_one_number_per_position(mask):
    maps = [torch.randn(2, 32, 8, 8).bfloat16() for _ in range(2)]
    assert matrices_kept(AttentionMapLoss(), 2 * 8 * 8, *maps, mask) == 2


@pytest.mark.parametrize('normalize', ['l2', 'softmax'])
@pytest.mark.parametrize('dtype, size', [(torch.bfloat16, 2), (torch.float16, 4)])
def test_the_number_per_position_is_of_the_type_of_a_bfloat16_map(normalize, dtype, size):
    student, teacher = (torch.randn(2, 64, 8, 8).to(dtype) for _ in range(2))
    student.requires_grad_()
    loss = AttentionMapLoss(normalize)
    kept = saved_bytes(lambda: loss(student, teacher).backward(), loss) - student.nbytes
    # float16 would lose small slopes
    assert kept == 2 * 8 * 8 * size


def test_what_is_larger_is_seen():
    def careless(student, teacher):
        return (student.unsqueeze(0) - student.unsqueeze(1)).square().sum()

    assert largest(careless, torch.randn(64, 8), None) == 64 * 64 * 8
