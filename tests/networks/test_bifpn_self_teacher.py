"""BiFPNSelfTeacher against the recorded numbers of the official modules."""
import copy
import json

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mmkd.losses import AttentionMapLoss, SoftTargetLoss
from mmkd.networks import BiFPNSelfTeacher
from tests import reference
from tests.networks.filling import features, fill_self_teacher, stats

NUMBERS = reference.FOLDER / 'frskd.json'
RECORDED = json.loads(NUMBERS.read_text()) if NUMBERS.is_file() else None
SELF_TEACHER = RECORDED['networks']['self_teacher'] if RECORDED else dict(cases=[], parameter_table=dict(rows=[]))
needs_numbers = pytest.mark.skipif(RECORDED is None, reason='no reference numbers: ../shared/reference is absent')


def filled(case, dtype=torch.float64):
    model = BiFPNSelfTeacher(**case['args']).to(dtype)
    fill_self_teacher(model)
    return model.train(case['mode'] == 'train')


def tolerance(case, dtype):
    if dtype == torch.float64:
        return dict(rtol=1e-6, atol=1e-8)
    return dict(rtol=1e-3, atol=1e-5) if case['mode'] == 'train' else dict(rtol=1e-4, atol=1e-6)


@needs_numbers
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
@pytest.mark.parametrize('case', SELF_TEACHER['cases'], ids=lambda case: case['name'])
def test_forward_and_gradients(case, dtype):
    model = filled(case, dtype)
    feats = features(case['args']['in_channels'], case['sizes'], dtype=dtype)
    maps, logits = model(feats)
    limits = tolerance(case, dtype)
    assert sum(parameter.numel() for parameter in model.parameters()) == case['parameters']
    assert [list(feat.shape) for feat in maps] == case['map_shapes']
    torch.testing.assert_close(logits.double(), torch.tensor(case['logits'], dtype=torch.float64), **limits)
    for feat, expected in zip(maps, case['map_stats'], strict=True):
        torch.testing.assert_close(stats(feat), torch.tensor(expected, dtype=torch.float64), **limits)
    for feat, expected in zip(maps, case.get('maps', []), strict='maps' in case):
        torch.testing.assert_close(feat.double(), torch.tensor(expected, dtype=torch.float64), rtol=1e-4, atol=1e-6)
    loss = F.cross_entropy(logits, torch.tensor([0, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(case['ce_of_labels_0_1'], rel=1e-4)
    norms = [feat.grad.norm().item() for feat in feats]
    assert norms == pytest.approx(case['feature_grad_l2_of_ce'], rel=1e-3)


@needs_numbers
@pytest.mark.parametrize('row', SELF_TEACHER['parameter_table']['rows'], ids=lambda row: row['backbone'])
def test_parameter_counts(row):
    names = ('in_channels', 'num_classes', 'width', 'depth', 'repeat')
    with torch.device('meta'):
        model = BiFPNSelfTeacher(**{name: row[name] for name in names})
    assert model.out_channels == row['out_channels']
    assert sum(parameter.numel() for parameter in model.parameters()) == row['parameters']


@needs_numbers
@pytest.mark.parametrize('index', [0, 1])
def test_objective_of_frskd(index):
    expected = RECORDED['method']['objective']['cases'][index]
    case = [case for case in SELF_TEACHER['cases'] if case['name'].endswith('batch statistics')][index]
    model = filled(case)
    feats = features(case['args']['in_channels'], case['sizes'])
    student = (3 * (0.9 * torch.arange(20, dtype=torch.float64)).sin()).view(2, 10).requires_grad_()
    labels = torch.tensor([3, 7])
    maps, logits = model(feats)
    levels = [AttentionMapLoss()(feat, target) for feat, target in zip(feats, maps, strict=True)]
    soft = SoftTargetLoss()(student, logits)
    total = F.cross_entropy(student, labels) + F.cross_entropy(logits, labels) + 2 * soft + 100 * sum(levels)
    total.backward()
    assert [level.item() for level in levels] == pytest.approx(expected['attention_per_level'], rel=1e-5)
    assert soft.item() == pytest.approx(expected['soft_targets'], rel=1e-5)
    assert total.item() == pytest.approx(expected['total'], rel=1e-5)
    norms = expected['grad_l2']
    assert student.grad.norm().item() == pytest.approx(norms['student_logits'], rel=1e-4)
    assert [feat.grad.norm().item() for feat in feats] == pytest.approx(norms['features'], rel=1e-4)
    assert model.classifier.weight.grad.norm().item() == pytest.approx(norms['classifier_weight'], rel=1e-4)


@pytest.mark.parametrize('sizes', [
    [(8, 8), (8, 8), (8, 8)], [(16, 12), (4, 3), (4, 3)], [(13, 9), (5, 4), (1, 1)], [(2, 2), (4, 4), (3, 5)]])
@pytest.mark.parametrize('training', [True, False])
def test_any_sizes(sizes, training):
    model = BiFPNSelfTeacher([3, 4, 6], width=1.5, repeat=2).train(training)
    maps, logits = model(features([3, 4, 6], sizes, dtype=torch.float32))
    assert logits is None
    assert [tuple(feat.shape) for feat in maps] == [(2, c, *size) for c, size in zip([4, 6, 9], sizes, strict=True)]
    assert all(feat.min() >= 0 for feat in maps)


@pytest.mark.parametrize('sizes', [[(25, 25), (13, 13), (7, 7)], [(8, 8), (4, 4), (2, 2)], [(9, 7), (4, 5), (4, 5)]])
def test_order_of_block_and_up_sampling_does_not_change_batch_statistics(sizes):
    def late(self, feat, size):
        return self.block(F.interpolate(feat, size=tuple(size)))

    model = BiFPNSelfTeacher([3, 4, 6], num_classes=5).double()
    fill_self_teacher(model)
    feats = features([3, 4, 6], sizes)
    maps, logits = model(feats)
    for up in model.layers[0].up:
        up.forward = late.__get__(up)
    expected_maps, expected_logits = model(feats)
    torch.testing.assert_close(logits, expected_logits)
    torch.testing.assert_close(maps, expected_maps)


def test_without_classifier_and_with_it_the_maps_are_the_same():
    case = dict(args=dict(in_channels=[3, 4], width=2.0), mode='eval')
    with_classifier = filled(dict(case, args=dict(case['args'], num_classes=3)))
    feats = features([3, 4], [(4, 4), (2, 2)])
    torch.testing.assert_close(filled(case)(feats)[0], with_classifier(feats)[0])


def test_features_are_not_detached_and_every_parameter_is_trained_by_maps_and_logits():
    model = BiFPNSelfTeacher([3, 4, 6], num_classes=5, repeat=2)
    feats = features([3, 4, 6], [(8, 8), (4, 4), (2, 2)], dtype=torch.float32)
    maps, logits = model(feats)
    (logits.sum() + sum(feat.square().sum() for feat in maps)).backward()
    assert all(feat.grad.abs().sum() > 0 for feat in feats)
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_gradcheck():
    model = filled(dict(args=dict(in_channels=[2, 3], num_classes=2, width=1.0, depth=1), mode='eval'))
    feats = [(feat.detach() + 0.05).requires_grad_() for feat in features([2, 3], [(4, 4), (2, 2)], batch=1)]
    assert gradcheck(lambda *levels: (*model(levels)[0], model(levels)[1]), feats)


def test_deepcopy_and_state_dict():
    model = BiFPNSelfTeacher([3, 4], num_classes=5).eval()
    feats = features([3, 4], [(4, 4), (2, 2)], dtype=torch.float32)
    twin = copy.deepcopy(model)
    other = BiFPNSelfTeacher([3, 4], num_classes=5).eval()
    assert not torch.equal(other(feats)[1], model(feats)[1])
    other.load_state_dict(model.state_dict(), strict=True)
    for clone in (twin, other):
        torch.testing.assert_close(clone(feats), model(feats))
    twin.classifier.bias.data.add_(1)
    assert not torch.equal(twin(feats)[1], model(feats)[1])


def test_compile_in_one_graph():
    model = BiFPNSelfTeacher([3, 4], num_classes=5)
    feats = features([3, 4], [(5, 5), (3, 3)], dtype=torch.float32)
    compiled = torch.compile(copy.deepcopy(model), fullgraph=True, backend='aot_eager')
    torch.testing.assert_close(compiled(feats), model(feats))


@pytest.mark.parametrize('arguments, text', [
    (dict(in_channels=[64]), 'in_channels is .64., it must name at least 2 levels'),
    (dict(in_channels=[64, 0]), 'at least 1 channel each'),
    (dict(in_channels=[4, 8], width=0.1), r'width 0.1 of in_channels \[4, 8\] gives \[0, 1\] channels'),
    (dict(in_channels=[4, 8], width=-1), 'choose a larger width'),
    (dict(in_channels=[4, 8], num_classes=0), 'num_classes is 0, it must be at least 1'),
    (dict(in_channels=[4, 8], depth=0), 'depth is 0'),
    (dict(in_channels=[4, 8], repeat=0), 'repeat is 0'),
])
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text):
        BiFPNSelfTeacher(**arguments)


@pytest.mark.parametrize('shapes', [[(2, 4, 4, 4)], [(2, 4, 4, 4), (2, 9, 2, 2)], [(2, 4, 16), (2, 8, 4)]])
def test_features_that_do_not_fit(shapes):
    with pytest.raises(ValueError, match=r'they must be \(N, C, H, W\) with the channels \[4, 8\]'):
        BiFPNSelfTeacher([4, 8])([torch.randn(shape) for shape in shapes])


def test_inputs_are_rectified_unless_asked_not_to_be():
    feats = [torch.randn(2, 3, 4, 4), torch.randn(2, 4, 2, 2)]
    rectified = [feat.relu() for feat in feats]
    official = BiFPNSelfTeacher([3, 4]).eval()
    torch.testing.assert_close(official(feats), official(rectified))
    whole = BiFPNSelfTeacher([3, 4], rectify_input=False).eval()
    whole.load_state_dict(official.state_dict())
    torch.testing.assert_close(whole(rectified), official(rectified))
    assert not torch.allclose(whole(feats)[0][0], official(feats)[0][0])


@pytest.mark.parametrize('repeat', [1, 2])
@pytest.mark.parametrize('training', [True, False])
def test_maps_may_leave_before_the_last_relu(repeat, training):
    feats = features([3, 4, 6], [(8, 8), (4, 4), (2, 2)])
    official = BiFPNSelfTeacher([3, 4, 6], num_classes=5, repeat=repeat).double().train(training)
    raw = BiFPNSelfTeacher([3, 4, 6], num_classes=5, repeat=repeat, rectify_output=False).double().train(training)
    raw.load_state_dict(official.state_dict(), strict=True)
    (maps, logits), (raw_maps, raw_logits) = official(feats), raw(feats)
    torch.testing.assert_close(raw_logits, logits, rtol=0, atol=0)
    for rectified, own in zip(maps, raw_maps, strict=True):
        assert own.min() < 0
        torch.testing.assert_close(own.relu(), rectified, rtol=0, atol=0)
