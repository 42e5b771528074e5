import pytest
import torch
from torch import nn

from mmkd.profiling.measure import measure, multiply_accumulates, parameters, quartiles, time_interleaved
from tests.profiling.tiny import tiny_subject


@pytest.fixture
def rows():
    return measure([tiny_subject('plain'), tiny_subject('distilled', distils=True)], 3, 'cpu')


def test_rows_count_what_is_counted_by_hand(rows):
    plain, distilled = rows
    assert [row['name'] for row in rows] == ['plain', 'distilled']
    # forward 8 x 10 x 4, and as much for the gradient of the weights; the input needs none
    assert plain['macs'] == 2 * 320
    # the second layer has 8 x 4 x 6 forward, for its weights, and for its input
    assert distilled['macs'] == 2 * 320 + 3 * 192
    # input and output of the layer; the second layer reads the same output and keeps its own for the square
    assert (plain['saved_bytes'], distilled['saved_bytes']) == (320 + 128, 320 + 128 + 192)
    assert (plain['trained_parameters'], distilled['trained_parameters']) == (40, 64)
    assert plain['deployed_parameters'] == distilled['deployed_parameters'] == 40
    assert plain['losses'] == ['loss_own'] and distilled['losses'] == ['loss_own', 'distill.extra.loss_more']


def test_ratios_are_to_the_first(rows):
    plain, distilled = rows
    assert set(plain['ratios'].values()) == {1.0} and plain['step_ms_spread'] == [1.0, 1.0]
    assert distilled['ratios']['macs'] == pytest.approx(1216 / 640)
    assert distilled['ratios']['saved_bytes'] == pytest.approx(640 / 448)
    assert distilled['ratios']['peak_bytes'] == pytest.approx(distilled['peak_bytes'] / plain['peak_bytes'])
    assert plain['resident_bytes'] + plain['saved_bytes'] - 320 <= plain['peak_bytes'] < distilled['peak_bytes']


def test_counts_come_out_the_same_again(rows):
    again = measure([tiny_subject('plain'), tiny_subject('distilled', distils=True)], 1, 'cpu')
    for row, other in zip(rows, again, strict=True):
        for key in ('peak_bytes', 'resident_bytes', 'saved_bytes', 'macs'):
            assert row[key] == other[key], key


def test_grouped_convolutions_cost_their_groups_only():
    convolution = nn.Conv2d(6, 6, 3, padding=1, groups=6)
    images = torch.rand(2, 6, 5, 5, requires_grad=True)
    # 2 images, 25 positions, 6 maps, 9 taps: forward, gradient of the input, gradient of the weights
    assert multiply_accumulates(lambda: convolution(images).sum().backward()) == 3 * 2 * 25 * 6 * 9


def test_transposed_convolutions():
    convolution = nn.ConvTranspose2d(3, 4, 2, stride=2)
    images = torch.rand(2, 3, 5, 5)
    # every input position meets 2 x 2 x 4 weights per map: forward and gradient of the weights
    assert multiply_accumulates(lambda: convolution(images).sum().backward()) == 2 * 2 * 25 * 3 * 16


def test_frozen_parameters_are_deployed_but_not_trained():
    model = tiny_subject('distilled', distils=True).model
    model.layer.requires_grad_(False)
    assert parameters(model) == dict(trained_parameters=24, deployed_parameters=40)


def test_models_take_turns_and_another_begins_each_round():
    calls = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def ready(self):
            return lambda: calls.append(self.name)

    seconds = time_interleaved([Recorder(name) for name in 'abc'], 4, 'cpu')
    assert ''.join(calls) == 'abc' + 'bca' + 'cab' + 'abc'
    assert [len(times) for times in seconds] == [4, 4, 4] and min(map(min, seconds)) > 0


def test_quartiles():
    assert quartiles([1.0]) == [1.0, 1.0]
    assert quartiles([1.0, 2.0, 3.0, 4.0, 5.0]) == [2.0, 4.0]
