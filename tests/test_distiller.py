import copy
import pickle

import pytest
import torch
from mmseg.models import EncoderDecoder

from tests.students import (
    FRSKD,
    build,
    classifier,
    detection_batch,
    detector,
    distilling,
    segmentation_batch,
    segmentor,
)


@pytest.fixture(scope='module')
def plain():
    return build(segmentor())


@pytest.fixture
def model():
    return build(distilling(segmentor()))


def parameters_without_gradient(model):
    return [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None
    ]


def test_the_model_is_the_student_with_one_more_attribute(model, plain):
    assert isinstance(model, EncoderDecoder)
    own = [key for key in model.state_dict() if not key.startswith('distill.')]
    assert own == list(plain.state_dict())
    assert set(vars(model)) == set(vars(plain))
    assert set(dict(model.named_children())) == {*dict(plain.named_children()), 'distill'}


def test_the_student_starts_with_the_weights_of_the_plain_model(model, plain):
    weights = model.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in plain.state_dict().items())


def test_building_a_distilling_student_draws_no_random_number_more():
    build(segmentor())
    after_plain = torch.rand(3)
    build(distilling(segmentor()))
    assert torch.equal(torch.rand(3), after_plain)


def test_the_self_teacher_does_not_start_with_the_students_numbers():
    first = build(distilling(segmentor())).distill.state_dict()
    again = build(distilling(segmentor())).distill.state_dict()
    other = build(distilling(segmentor()), seed=1).distill.state_dict()
    key = 'methods.frskd.head.fusion_conv.conv.weight'
    assert torch.equal(first[key], again[key])
    assert not torch.equal(first[key], other[key])


def test_losses_of_the_student_are_unchanged_and_those_of_methods_bear_their_name(model, plain):
    batch = segmentation_batch()
    # Dropout of the head draws the same numbers in both.
    torch.manual_seed(3)
    expected = plain.loss(*batch)
    torch.manual_seed(3)
    losses = model.loss(*batch)
    assert {key: value.item() for key, value in losses.items() if not key.startswith('distill.')} == {
        key: value.item() for key, value in expected.items()
    }
    names = {f'distill.frskd.loss_{term}' for term in ('teacher', 'logit', 'feature')}
    assert {key for key in losses if key.startswith('distill.')} == names
    assert all(losses[name] > 0 for name in names)


def test_every_trainable_parameter_gets_a_gradient(model):
    model.parse_losses(model.loss(*segmentation_batch()))[0].backward()
    assert parameters_without_gradient(model) == []


def test_prediction_is_the_plain_students(model):
    plain = build(segmentor())
    images, samples = segmentation_batch()
    with torch.no_grad():
        ours = model.eval()(images, copy.deepcopy(samples), mode='predict')
        theirs = plain.eval()(images, copy.deepcopy(samples), mode='predict')
    assert all(torch.equal(a.seg_logits.data, b.seg_logits.data) for a, b in zip(ours, theirs, strict=True))


def test_a_plain_checkpoint_loads_strictly_and_the_distilled_one_into_the_plain_model(model, plain):
    other = build(segmentor(), seed=5)
    model.load_state_dict(other.state_dict(), strict=True)
    weights = {key: value for key, value in model.state_dict().items() if not key.startswith('distill.')}
    build(segmentor()).load_state_dict(weights, strict=True)
    assert torch.equal(weights['decode_head.conv_seg.weight'], other.state_dict()['decode_head.conv_seg.weight'])


def test_a_checkpoint_with_half_of_the_training_parts_does_not_load_strictly(model):
    weights = model.state_dict()
    del weights['distill.methods.frskd.head.conv_seg.weight']
    with pytest.raises(RuntimeError, match='conv_seg'):
        model.load_state_dict(weights, strict=True)


@pytest.mark.parametrize(
    'copied', [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=['deepcopy', 'pickle']
)
def test_a_copy_shares_nothing_with_the_original(model, copied):
    twin = copied(model)
    assert type(twin) is type(model)
    ours = {parameter.data_ptr() for parameter in model.parameters()}
    assert not ours & {parameter.data_ptr() for parameter in twin.parameters()}
    twin.parse_losses(twin.loss(*segmentation_batch()))[0].backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert parameters_without_gradient(twin) == []


@pytest.mark.parametrize(
    'methods',
    [
        dict(frskd=dict(FRSKD, weight=0)),
        dict(frskd=dict(FRSKD, teacher_weight=0, logit_weight=0, feature_weight=0)),
        {},
    ],
)
def test_a_method_of_weight_zero_leaves_the_plain_student(methods, plain):
    model = build(dict(type='mmkd.Distiller', student=segmentor(), methods=methods))
    assert list(model.state_dict()) == list(plain.state_dict())
    assert set(model.loss(*segmentation_batch())) == set(plain.loss(*segmentation_batch()))


def test_a_term_of_weight_zero_is_not_computed():
    model = build(distilling(segmentor(), dict(frskd=dict(FRSKD, logit_weight=0))))
    assert 'distill.frskd.loss_logit' not in model.loss(*segmentation_batch())


def test_two_methods_live_beside_each_other():
    model = build(
        distilling(segmentor(), dict(stages=dict(FRSKD), levels=dict(FRSKD, source='neck', logit_weight=0)))
    )
    names = {key.split('.')[1] for key in model.loss(*segmentation_batch()) if key.startswith('distill.')}
    assert names == {'stages', 'levels'}


def test_nan_in_the_features_stops_training_with_the_methods_name(model):
    images, samples = segmentation_batch()
    with pytest.raises(
        FloatingPointError, match=r"The method 'frskd' stops training .*distill.frskd.loss_\w+ is nan"
    ):
        model.loss(images * float('nan'), samples)


def test_a_data_preprocessor_beside_the_model_goes_to_the_student():
    student = segmentor()
    preprocessor = dict(student.pop('data_preprocessor'), mean=[1.0, 2.0, 3.0], std=[1.0, 1.0, 1.0])
    model = build(distilling(student, data_preprocessor=preprocessor))
    assert model.data_preprocessor.mean.flatten().tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    'methods, error, message',
    [
        (
            dict(frskd=dict(type='mmkd.FRKSD')),
            KeyError,
            "'mmkd.FRKSD', which is no method of mmkd; legal are mmkd.FRSKD",
        ),
        (dict(frskd=dict(type='mmkd.SoftTargetLoss')), KeyError, 'no method of mmkd'),
        (
            dict(frskd=dict(type='mmkd.FRSKD', alpha=1)),
            ValueError,
            r"arguments \['alpha'\], but FRSKD takes \['weight'",
        ),
        (dict(frskd=dict(type='mmkd.FRSKD', weight=-1)), ValueError, 'FRSKD.weight is -1'),
        (dict(frskd=dict(type='mmkd.FRSKD', feature_weight=-2)), ValueError, 'FRSKD.feature_weight is -2'),
        (dict(frskd=dict(type='mmkd.FRSKD', temperature=0)), ValueError, 'FRSKD.temperature is 0'),
        (dict(frskd=dict(type='mmkd.FRSKD', source='head')), ValueError, "source='head'"),
        (
            dict(frskd=dict(type='mmkd.FRSKD', self_teacher=dict(head=dict(num_classes=7)))),
            ValueError,
            'num_classes=7, but the student has 5',
        ),
    ],
)
def test_bad_methods_are_explained(methods, error, message):
    with pytest.raises(error, match=message):
        build(distilling(segmentor(), methods))


def test_a_teacher_that_no_method_needs_is_refused():
    with pytest.raises(ValueError, match='every method here teaches itself'):
        build(distilling(segmentor(), teacher=dict(config='x.py', checkpoint='x.pth')))


def test_a_student_of_no_toolbox_is_refused():
    with pytest.raises(TypeError, match='it must be a model of mmpretrain, mmseg, mmdet'):
        build(distilling(dict(type='mmengine.BaseDataPreprocessor')))


def test_a_student_without_stages_is_refused():
    student = segmentor()
    student.pop('neck')
    student['backbone']['out_indices'] = (3,)
    student['decode_head'].update(in_channels=[64], in_index=[0], feature_strides=[32])
    with pytest.raises(ValueError, match=r'backbone of the student gives .*at least two maps .* set its out_indices'):
        build(distilling(student))


def test_a_student_without_neck_is_refused_where_the_neck_is_refined():
    student = segmentor()
    student.pop('neck')
    student['decode_head'].update(in_channels=[8, 16, 32, 64])
    places = r"\['backbone', 'decoder', 'logits', 'preactivation', 'tokens'\]"
    with pytest.raises(ValueError, match=f"source='neck' was asked for.*has {places}"):
        build(distilling(student, dict(frskd=dict(FRSKD, source='neck'))))


def test_a_detector_distils_too():
    methods = dict(frskd=dict(FRSKD, source='neck'))
    model = build(distilling(detector(), methods), scope='mmdet')
    losses = model.loss(*detection_batch())
    terms = {f'distill.frskd.loss_{term}' for term in ('teacher', 'logit', 'feature')}
    assert set(losses) == {'loss_cls', 'loss_bbox'} | terms
    model.parse_losses(losses)[0].backward()
    assert parameters_without_gradient(model) == []


def test_taps_of_the_user_replace_the_adapters():
    stages = [f'backbone.layer{i}' for i in (2, 3)]
    model = build(distilling(segmentor(), taps=dict(backbone=stages)))
    assert model.distill.methods['frskd'].self_teacher.out_channels == [16, 32]
    with pytest.raises(KeyError, match=r'near matches: .*backbone.layer4'):
        build(distilling(segmentor(), taps=dict(backbone='backbone.layer9')))
    with pytest.raises(ValueError, match=r"taps has the keys \['head'\]"):
        build(distilling(segmentor(), taps=dict(head='decode_head')))


def test_a_classifier_distils_too():
    from tests.students import classification_batch

    model = build(distilling(classifier(), dict(frskd=dict(type='mmkd.FRSKD'))), scope='mmpretrain')
    losses = model.loss(*classification_batch())
    assert {'loss', 'distill.frskd.loss_teacher', 'distill.frskd.loss_logit', 'distill.frskd.loss_feature'} == set(
        losses
    )
    model.parse_losses(losses)[0].backward()
    assert parameters_without_gradient(model) == []
