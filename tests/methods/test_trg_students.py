"""TRG as a user runs it: with students and teachers of all tasks."""

import pytest
import torch
from mmengine.logging import MessageHub

from mmkd.losses import contextual_loss, soft_target_loss, token_contrast_loss, token_graph_loss
from tests.detectors import batch_of, tiny_detector
from tests.runs import config_of, last_weights, train
from tests.students import (
    SCOPES,
    STUDENTS,
    build,
    classification_batch,
    classifier,
    detection_batch,
    detector,
    distilling,
    segmentation_batch,
    segmentor,
)
from tests.tasks.hear import hear
from tests.teachers import teacher_of
from tests.test_training import Kill
from tests.transformers import transformer

BATCHES = dict(classification=classification_batch, segmentation=segmentation_batch, detection=detection_batch)
TERMS = ('logit', 'local', 'global', 'contextual')


def wide(task):
    """A teacher of other channels than the student."""
    config = STUDENTS[task]()
    if task == 'classification':
        config.backbone.base_channels = 16
        config.head.in_channels = 128
    else:
        config.neck.out_channels = 24
        key = 'decode_head' if task == 'segmentation' else 'bbox_head'
        config[key].in_channels = [24] * 4 if task == 'segmentation' else 24
        if task == 'segmentation':
            config.decode_head.channels = 24
    return config


def taught(folder, student, teacher, scope, teacher_scope=None, **trg):
    teacher = teacher_of(folder, teacher, teacher_scope or scope)
    return build(distilling(student, dict(trg=dict(type='mmkd.TRG', **trg)), teacher=teacher), scope)


def step(model, batch):
    """Losses of a step, after their backward pass."""
    losses = model.loss(*batch)
    model.parse_losses(losses)[0].backward()
    return losses


def untrained(model):
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad and parameter.grad is None]


@pytest.mark.parametrize('task', list(STUDENTS))
def test_a_student_of_every_task(tmp_path, task):
    model = taught(tmp_path, STUDENTS[task](), wide(task), SCOPES[task])
    losses = step(model, BATCHES[task]())
    plain = build(STUDENTS[task](), SCOPES[task]).loss(*BATCHES[task]())
    assert set(losses) == set(plain) | {f'distill.trg.loss_{term}' for term in TERMS}
    assert all(losses[f'distill.trg.loss_{term}'].isfinite() for term in TERMS)
    assert untrained(model) == []
    layers = [parameter for name, parameter in model.distill.named_parameters() if name.endswith('weight')]
    assert len(layers) == (5 if task == 'detection' else 1)
    assert all(layer.grad.abs().sum() > 0 for layer in layers)


def test_the_terms_of_a_classifier_are_those_of_its_deepest_maps(tmp_path):
    batch = classification_batch()
    # With all tokens for neighbours no near tie decides who is one.
    arguments = dict(tokens_per_image=999, num_neighbors=999, global_temperature=0.2)
    model = taught(tmp_path, classifier(), wide('classification'), 'mmpretrain', **arguments).eval()
    losses = model.loss(*batch)
    heard = []
    for other in (build(classifier(), 'mmpretrain').eval(), build(wide('classification'), 'mmpretrain', 3).eval()):
        task, record = hear(other, batch, ['backbone', 'logits'])
        heard.append((task.features(record, 'backbone')[-1].flatten(2).mT, task.logits(record)))
    (own, own_logits), (other, other_logits) = heard
    assert own.shape == (4, 16, 64) and other.shape == (4, 16, 128)
    (layer,) = model.distill.methods.trg.parts[0]['global']
    expected = dict(
        logit=soft_target_loss(own_logits, other_logits, temperature=4.0),
        local=100 * token_graph_loss(own.flatten(0, 1), other.flatten(0, 1), 999),
        contextual=10 * contextual_loss(own, other),
    )
    expected['global'] = 0.5 * token_contrast_loss(layer(own.flatten(0, 1)), other.flatten(0, 1), 0.2)
    for term in TERMS:
        torch.testing.assert_close(losses[f'distill.trg.loss_{term}'], expected[term], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('task', list(STUDENTS))
def test_a_teacher_like_the_student_has_nothing_to_teach(tmp_path, task):
    teacher = teacher_of(tmp_path, STUDENTS[task](), SCOPES[task], seed=0)
    methods = dict(trg=dict(type='mmkd.TRG', global_weight=0, tokens_per_image=2))
    model = build(distilling(STUDENTS[task](), methods, teacher=teacher), SCOPES[task]).eval()
    losses = model.loss(*BATCHES[task]())
    for term in ('logit', 'local', 'contextual'):
        torch.testing.assert_close(losses[f'distill.trg.loss_{term}'], torch.zeros(()), rtol=0, atol=2e-4)


@pytest.mark.parametrize('kind', ['VisionTransformer', 'DistilledVisionTransformer'])
@pytest.mark.parametrize('learner', ['transformer', 'cnn'])
def test_transformers_and_cnns_teach_each_other(tmp_path, kind, learner):
    pair = [transformer(kind), classifier()]
    student, teacher = pair if learner == 'transformer' else pair[::-1]
    model = taught(tmp_path, student, teacher, 'mmpretrain')
    losses = step(model, classification_batch())
    assert all(losses[f'distill.trg.loss_{term}'] > 0 for term in TERMS)
    # The last block of a transformer trains what the classification token reads; nothing is left without a gradient.
    assert untrained(model) == []


@pytest.mark.parametrize('name', ['fcos', 'gfl', 'faster_rcnn'])
def test_padded_batches_of_detectors(tmp_path, name):
    model = taught(tmp_path, tiny_detector(name), tiny_detector(name), 'mmdet')
    losses = step(model, batch_of(name))
    assert all(losses[f'distill.trg.loss_{term}'].isfinite() for term in TERMS)
    assert losses['distill.trg.loss_local'] > 0 and untrained(model) == []


def test_padding_of_a_detector_teaches_nothing(tmp_path):
    arguments = dict(tokens_per_image=10**6, max_tokens=10**6, logit_weight=0, contextual_size=32, patch=2)
    model = taught(tmp_path, detector(), detector(), 'mmdet', **arguments).eval()
    images, samples = batch_of('retinanet')
    marks = []
    method = model.distill.methods.trg
    compare = method.graph_loss.forward
    method.graph_loss.forward = lambda own, other: marks.append(len(own)) or compare(own, other)
    model.loss(images, samples)
    # Maps of 24 x 32, 12 x 16, 6 x 8, 3 x 4 and 2 x 2 positions, of which 16 x 25, 8 x 13, 4 x 7, 2 x 4 and 1 x 2
    # see the second image.
    assert marks == [12 * 16 + 8 * 13, 6 * 8 + 4 * 7, 3 * 4 + 2 * 4, 1 * 2 + 1 * 2, 1 + 1]


@pytest.mark.parametrize('void', [False, True])
def test_void_pixels_of_a_segmentor_are_not_drawn(tmp_path, void):
    model = taught(tmp_path, segmentor(), wide('segmentation'), 'mmseg', tokens_per_image=99, contextual_weight=0)
    images, samples = segmentation_batch()
    for sample in samples:
        labels = sample.gt_sem_seg.data
        labels[...] = 255
        if not void:
            labels[:, 5, 9] = 2  # one pixel at row 1 and column 2 of the decoder's map
            labels[:, 31, 31] = 1
    drawn = []
    method = model.distill.methods.trg
    compare = method.graph_loss.forward
    method.graph_loss.forward = lambda own, other: drawn.append(own) or compare(own, other)
    losses = step(model, (images, samples))
    assert untrained(model) == []
    if void:
        assert drawn[0].shape == (0, 16)
        assert losses['distill.trg.loss_local'] == losses['distill.trg.loss_global'] == 0
    else:
        assert drawn[0].shape == (4, 16) and losses['distill.trg.loss_global'] > 0


def test_features_alone_may_be_taught_by_another_toolbox_or_other_classes(tmp_path):
    model = taught(tmp_path, classifier(), segmentor(), 'mmpretrain', 'mmseg', logit_weight=0)
    losses = step(model, classification_batch())
    assert all(losses[f'distill.trg.loss_{term}'] > 0 for term in TERMS[1:]) and untrained(model) == []
    model = taught(tmp_path, classifier(), classifier(num_classes=7), 'mmpretrain', logit_weight=0)
    assert 'distill.trg.loss_logit' not in step(model, classification_batch())
    with pytest.raises(TypeError, match='segmentation model and the student a classification model'):
        taught(tmp_path, classifier(), segmentor(), 'mmpretrain', 'mmseg')
    with pytest.raises(ValueError, match='num_classes=7 and the student 5'):
        taught(tmp_path, classifier(), classifier(num_classes=7), 'mmpretrain')


@pytest.mark.parametrize('term', TERMS)
def test_a_term_of_weight_zero_is_not_computed(tmp_path, term):
    model = taught(tmp_path, classifier(), wide('classification'), 'mmpretrain', **{f'{term}_weight': 0})
    assert {key for key in step(model, classification_batch()) if 'distill' in key} == {
        f'distill.trg.loss_{other}' for other in TERMS if other != term
    }
    assert any('global' in name for name, _ in model.distill.named_parameters()) == (term != 'global')


def test_a_term_that_begins_later_leaves_no_parameter_without_a_gradient(tmp_path):
    ramp = dict(type='Ramp', begin=5, end=9)
    model = taught(tmp_path, classifier(), wide('classification'), 'mmpretrain', global_weight=ramp)
    losses = step(model, classification_batch())
    assert 'distill.trg.loss_global' not in losses and untrained(model) == []
    MessageHub.get_current_instance().update_info('epoch', 9)
    assert step(model, classification_batch())['distill.trg.loss_global'] > 0


def test_the_place_of_tokens_can_be_named(tmp_path):
    teacher = teacher_of(tmp_path, classifier(), 'mmpretrain', taps=dict(tokens='backbone.layer3'))
    methods = dict(trg=dict(type='mmkd.TRG'))
    config = distilling(classifier(), methods, teacher=teacher, taps=dict(tokens='backbone.layer2'))
    model = build(config, 'mmpretrain')
    step(model, classification_batch())
    assert model.distill.methods.trg.parts[0]['global'][0].weight.shape == (32, 16)


def test_a_patch_that_no_map_holds_is_explained(tmp_path):
    model = taught(tmp_path, classifier(), classifier(), 'mmpretrain', patch=5)
    with pytest.raises(ValueError, match='patch=5, but the maps of student and teacher have the common size 4x4'):
        model.loss(*classification_batch())


def test_a_killed_and_resumed_run_equals_a_straight_one_bit_for_bit(tmp_path):
    teacher = teacher_of(tmp_path, wide('classification'), 'mmpretrain')

    def config(name, **more):
        model = distilling(classifier(), dict(trg=dict(type='mmkd.TRG', tokens_per_image=3)), teacher=teacher)
        hooks = [dict(type='mmkd.RandomStateHook')]
        more.update(custom_hooks=hooks, work_dir=str(tmp_path / name))
        return config_of(tmp_path, model, 4, 'classification', **more)

    train(config('straight'))
    with pytest.raises(KeyboardInterrupt):
        train(config('again'), Kill(at=3))
    train(config('again', resume=True))
    straight, again = last_weights(tmp_path / 'straight'), last_weights(tmp_path / 'again')
    assert straight.keys() == again.keys() and all(torch.equal(straight[key], again[key]) for key in straight)


def test_bfloat16_autocast_trains_on_a_cpu(tmp_path):
    model = distilling(classifier(), dict(trg=dict(type='mmkd.TRG')),
                       teacher=teacher_of(tmp_path, wide('classification'), 'mmpretrain', autocast='bfloat16'))
    config = config_of(tmp_path, model, 2, 'classification')
    config.optim_wrapper.type = 'mmkd.AutocastOptimWrapper'
    runner = train(config)
    assert all(parameter.isfinite().all() for parameter in runner.model.parameters())
