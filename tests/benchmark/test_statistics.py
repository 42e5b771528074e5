import math

import pytest

from mmkd.benchmark.statistics import difference, mean_and_std


def test_sample_standard_deviation_divides_by_n_minus_one():
    mean, std = mean_and_std([1.0, 2.0, 4.0])
    assert mean == pytest.approx(7 / 3)
    assert std == pytest.approx(math.sqrt((16 / 9 + 1 / 9 + 25 / 9) / 2))


def test_one_value_has_no_spread_and_none_is_an_error():
    assert mean_and_std([5.0]) == (5.0, None)
    with pytest.raises(ValueError, match='at least one'):
        mean_and_std([])


def test_difference_with_both_standard_errors():
    # plain 1, 2, 3: mean 2, variance 1; other 3, 5, 7: mean 5, variance 4; differences 2, 3, 4: standard deviation 1
    found = difference({0: 3.0, 1: 5.0, 2: 7.0}, {0: 1.0, 1: 2.0, 2: 3.0})
    assert found['difference'] == pytest.approx(3)
    assert found['standard_error'] == pytest.approx(math.sqrt(4 / 3 + 1 / 3))
    assert found['paired_standard_error'] == pytest.approx(1 / math.sqrt(3))
    assert found['pairs'] == 3


def test_pairs_follow_the_seed_not_the_order():
    found = difference({2: 7.0, 0: 3.0, 1: 5.0}, {1: 2.0, 2: 3.0, 0: 1.0})
    assert found['paired_standard_error'] == pytest.approx(1 / math.sqrt(3))


def test_unequal_seeds_are_not_paired():
    found = difference({0: 3.0, 1: 5.0}, {0: 1.0, 1: 2.0, 2: 3.0})
    assert found['difference'] == pytest.approx(2) and found['paired_standard_error'] is None and found['pairs'] == 2
    assert found['standard_error'] == pytest.approx(math.sqrt(2 / 2 + 1 / 3))


def test_single_runs_have_a_difference_without_error():
    assert difference({0: 3.0}, {0: 1.0}) == {
        'difference': 2.0,
        'standard_error': None,
        'paired_standard_error': None,
        'pairs': 1,
    }
