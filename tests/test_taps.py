import copy

import pytest
import torch
from torch import nn

from mmkd.taps import Tap, TapError, Taps


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 2, 1)

    def forward(self, feats):
        return self.conv(feats[-1])

    def loss_by_feat(self, logits, labels, weight=1.0):
        return weight * (logits.mean(dim=(1, 2, 3)) - labels).square().mean()


class Net(nn.Module):
    """Calls its head's ``forward`` directly, as mmseg does."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.stages = nn.ModuleList([nn.Conv2d(4, 4, 3, stride=2, padding=1) for _ in range(3)])
        self.backbone = Backbone(self.stem, self.stages)
        self.head = Head()

    def forward(self, images):
        logits = self.head.forward(self.backbone(images))
        return self.head.loss_by_feat(logits, labels=torch.zeros(len(images)))


class Backbone(nn.Module):
    def __init__(self, stem, stages):
        super().__init__()
        self.stem, self.stages = stem, stages

    def forward(self, images):
        feats = [self.stem(images)]
        for stage in self.stages:
            feats.append(stage(feats[-1]))
        return tuple(feats)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def record(net, *paths):
    with Taps(net, paths) as taps:
        net(torch.ones(2, 3, 16, 16))
    return taps


def test_an_output_is_what_the_module_returned(net):
    taps = record(net, 'backbone')
    feats = net.backbone(torch.ones(2, 3, 16, 16))
    assert all(torch.equal(a, b) for a, b in zip(taps['backbone'], feats, strict=True))


def test_index_and_slice_pick_from_a_tuple(net):
    taps = record(net, 'backbone[1]', 'backbone[2:]', 'backbone[-1]')
    assert taps['backbone[1]'].shape[-1] == 8
    assert [level.shape[-1] for level in taps['backbone[2:]']] == [4, 2]
    assert taps['backbone[-1]'].shape[-1] == 2


def test_inputs_of_a_module_and_of_a_method(net):
    taps = record(net, 'head.conv:input[0]', 'head.loss_by_feat:input[0]', 'head.loss_by_feat:input[labels]')
    assert taps['head.conv:input[0]'].shape == (2, 4, 2, 2)
    assert taps['head.loss_by_feat:input[0]'].shape == (2, 2, 2, 2)
    assert taps['head.loss_by_feat:input[labels]'].shape == (2,)


def test_a_forward_that_is_called_directly_can_be_tapped_as_a_method(net):
    assert record(net, 'head.forward')['head.forward'].shape == (2, 2, 2, 2)


def test_a_tap_keeps_the_graph(net):
    taps = record(net, 'backbone[1]')
    taps['backbone[1]'].sum().backward()
    assert net.stem.weight.grad is not None


def test_a_module_that_is_not_called_is_explained_with_near_matches(net):
    with pytest.raises(TapError, match=r"The tap 'head' did not fire.*near matches: head.forward.*head.conv"):
        record(net, 'head')


@pytest.mark.parametrize(
    'path, near', [('bakbone', 'backbone'), ('head.conv2', 'head.conv'), ('stages.7', 'stages.2')]
)
def test_a_path_that_does_not_exist_is_explained_with_near_matches(net, path, near):
    with pytest.raises(TapError, match=f'{path}.*names no module or method of Net; near matches: .*{near}'):
        Taps(net, [path])


def test_an_item_that_does_not_exist_is_explained(net):
    taps = record(net, 'backbone[9]')
    with pytest.raises(TapError, match=r"asks for \[9\], but 'backbone' gave a tuple of 4"):
        taps['backbone[9]']


def test_a_path_of_another_form_is_explained():
    with pytest.raises(TapError, match='cannot be read'):
        Tap('back bone')


def test_nothing_stays_on_the_model_even_if_the_forward_pass_raises(net):
    paths = ['backbone', 'head.forward', 'head.loss_by_feat:input[0]']
    with pytest.raises(RuntimeError, match='size'), Taps(net, paths):
        net(torch.ones(2, 5, 16, 16))
    assert not net.backbone._forward_hooks
    assert not {'forward', 'loss_by_feat'} & set(vars(net.head))


def test_a_method_that_was_patched_before_is_put_back(net):
    def patched(feats):
        return net.head.conv(feats[-1]) + 1

    net.head.forward = patched
    record(net, 'head.forward')
    assert net.head.forward is patched


def test_a_copy_made_while_listening_elsewhere_records_nothing(net):
    taps = record(net, 'head.forward', 'backbone')
    taps.release()
    copy.deepcopy(net)(torch.ones(2, 3, 16, 16))
    with pytest.raises(TapError, match='was not recorded'):
        taps['backbone']


def test_activations_are_released(net):
    taps = record(net, 'backbone')
    assert taps.values
    taps.release()
    assert not taps.values


def test_the_input_of_an_in_place_activation_is_read_before_it_is_overwritten():
    net = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    images = torch.tensor([-1.0, 2.0])
    with Taps(net, ['1:input[0]', '1']) as record:
        net(images.clone())
        assert record['1:input[0]'].tolist() == [-1, 2] and record['1'].tolist() == [0, 2]
    assert net[1].inplace
    with pytest.raises(RuntimeError, match='stop'), Taps(net, ['1:input[0]']):
        raise RuntimeError('stop')
    assert net[1].inplace


class Deep(nn.Module):
    """Says which of its parts have run."""

    def __init__(self):
        super().__init__()
        self.ran = []
        self.relu = nn.ReLU()
        self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1) for _ in range(3)])
        for i, layer in enumerate(self.layers):
            layer.register_forward_hook(lambda *call, i=i: self.ran.append(i))

    def forward(self, images):
        for layer in self.layers:
            images = self.relu(layer(images))
        return self.classify(images)

    def classify(self, feats):
        self.ran.append('classify')
        return feats.mean(dim=(2, 3))


@pytest.fixture
def deep():
    torch.manual_seed(0)
    return Deep()


@pytest.mark.parametrize(
    'paths, ran',
    [
        (['layers.0'], [0]),
        (['layers.1', 'layers.0'], [0, 1]),
        (['layers.1:input[0]'], [0, 1]),
        (['layers.0', 'classify:input[0]'], [0, 1, 2]),
        (['classify'], [0, 1, 2, 'classify']),
    ],
)
def test_a_pass_that_stops_runs_no_deeper_than_the_deepest_place(deep, paths, ran):
    images = torch.ones(1, 3, 2, 2)
    with Taps(deep, paths) as whole:
        deep(images)
    expected = [whole[path] for path in paths]
    deep.ran.clear()
    with Taps(deep, paths, stop=True) as record:
        deep(images)
        raise AssertionError('the block goes on')
    assert deep.ran == ran
    assert all(torch.equal(record[path], value) for path, value in zip(paths, expected, strict=True))
    deep.ran.clear()
    assert deep(images) is not None and deep.ran == [0, 1, 2, 'classify']
    assert 'classify' not in vars(deep)


def test_an_activation_that_is_called_again_is_heard_the_last_time_before_a_pass_stops(deep):
    outer, deep.relu.inplace = nn.Sequential(deep, nn.Flatten()), True
    with Taps(outer, ['0.relu:input[0]']) as whole:
        outer(torch.ones(1, 3, 2, 2))
    with Taps(outer, ['0.relu:input[0]'], stop=True) as record:
        outer(torch.ones(1, 3, 2, 2))
    assert torch.equal(record['0.relu:input[0]'], whole['0.relu:input[0]'])


def test_a_place_that_is_not_reached_is_an_error_also_where_the_pass_would_stop(net):
    with pytest.raises(TapError, match="The tap 'head' did not fire"), Taps(net, ['backbone', 'head'], stop=True):
        net(torch.ones(2, 3, 16, 16))


def test_an_error_of_the_model_is_not_swallowed_by_a_pass_that_stops(deep):
    with pytest.raises(RuntimeError, match='size'), Taps(deep, ['layers.0'], stop=True):
        deep(torch.ones(1, 5, 2, 2))
    assert not any(module._forward_hooks for module in (deep, deep.relu))


def test_who_listens_inside_of_a_pass_does_not_end_it_for_those_outside(deep):
    reached = []
    with Taps(deep, ['layers.1'], stop=True) as outer:
        with Taps(deep, ['layers.0'], stop=False) as inner:
            deep(torch.ones(1, 3, 2, 2))
        reached.append('after the inner block')
    assert reached == [] and outer['layers.1'].shape == inner['layers.0'].shape
