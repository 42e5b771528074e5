import math
import statistics

import pytest
import torch

from mmkd.tokens import median_distance
from tests.reference import load


def test_the_median_of_the_recorded_graph():
    recorded = load('trg')['method']['graph']
    edges = [edge for row in recorded['adjacency_teacher'] for edge in row if edge]
    assert len(edges) == 14
    # torch's median of an even number is the lower of both in the middle
    expected = statistics.median_low(-2 * math.log(edge) for edge in edges)
    tokens = torch.tensor(recorded['inputs']['tokens_teacher'])
    assert median_distance(tokens, 2) == pytest.approx(expected, rel=1e-4)
    assert median_distance(100 * tokens, 2) == pytest.approx(expected, rel=1e-4)


def test_three_tokens_by_hand():
    # cosines 1/2 (60 degrees), -1/2 and -1: the nearest are at distances^2 of 1, 1 and 3
    tokens = torch.tensor([[1.0, 0.0], [0.5, 0.75**0.5], [-1.0, 0.0]])
    assert median_distance(tokens, 1) == pytest.approx(1)
    assert median_distance(tokens, 9) == pytest.approx(statistics.median_low([1, 4, 1, 3, 3, 4]))


@pytest.mark.parametrize('tokens', [torch.ones(5, 3), torch.zeros(5, 3), torch.ones(1, 3), torch.ones(0, 3)])
def test_a_width_is_always_above_zero(tokens):
    assert median_distance(tokens, 2) > 0
