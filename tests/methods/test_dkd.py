import pytest
import torch
from mmengine.logging import MessageHub
from mmpretrain.structures import DataSample

from mmkd.taps import Taps
from tests.detectors import batch as detection
from tests.detectors import tiny_detector
from tests.losses.test_decoupled_soft_target import plain
from tests.methods.taught_students import check_gradient_reaches, loud_images, taught, teacher_of_model, terms
from tests.students import build, classifier, detector, distilling, segmentation_batch, segmentor

HEARD = 'roi_head.bbox_head.loss_and_target:input'


def expected(student, teacher, labels, temperature=4.0, weights=(1.0, 8.0)):
    parts = plain(student.double(), teacher.double(), labels, temperature)
    return (parts * torch.tensor(weights)).sum().float()


@torch.no_grad()
def class_logits(model, images):
    return [network(images, mode='tensor') for network in (model, teacher_of_model(model))]


@torch.no_grad()
def pixel_logits(model, images):
    return [network.decode_head(network.extract_feat(images)) for network in (model, teacher_of_model(model))]


def test_classifiers_are_compared_at_the_label_of_every_image(tmp_path):
    model = taught(tmp_path, 'classification', 'DKD', weight=3.0)
    images, samples = loud_images()
    value = terms(model, (images, samples))
    assert list(value) == ['logit']
    wanted = 3 * expected(*class_logits(model, images), torch.tensor([0, 1, 2, 3]))
    torch.testing.assert_close(value['logit'], wanted, rtol=1e-4, atol=0)
    check_gradient_reaches(model, (images, samples), 'backbone.conv1')


def test_numbers_of_a_config_and_schedules(tmp_path):
    ramp = dict(type='Ramp', begin=0, end=2, start=1.0, stop=3.0, by_epoch=False)
    model = taught(
        tmp_path, 'classification', 'DKD', target_weight=ramp, nontarget_weight=0.5, temperature=2.0)
    images, samples = loud_images()
    for iteration, weight in ((0, 2.0), (1, 3.0)):
        MessageHub.get_current_instance().update_info('iter', iteration)
        wanted = expected(*class_logits(model, images), torch.tensor([0, 1, 2, 3]), 2.0, (weight, 0.5))
        torch.testing.assert_close(terms(model, (images, samples))['logit'], wanted, rtol=1e-4, atol=0)
    MessageHub.get_current_instance().update_info('iter', 0)


def test_mixed_labels_count_as_the_class_with_the_largest_share(tmp_path):
    model = taught(tmp_path, 'classification', 'DKD')
    images, _ = loud_images()
    scores = torch.eye(5)[[3, 1, 0, 4]] * 0.6 + torch.eye(5)[[2, 2, 2, 2]] * 0.4
    mixed = [DataSample().set_gt_score(score) for score in scores]
    wanted = expected(*class_logits(model, images), torch.tensor([3, 1, 0, 4]))
    torch.testing.assert_close(terms(model, (images, mixed))['logit'], wanted, rtol=1e-4, atol=0)


def test_segmentors_are_compared_at_the_labels_of_pixels_that_are_neither_void_nor_padding(tmp_path):
    model = taught(tmp_path, 'segmentation', 'DKD', temperature=1.0)
    images, samples = segmentation_batch()
    samples[0].gt_sem_seg.data[:, :8, :16] = 255
    samples[1].set_metainfo(dict(padding_size=(0, 8, 0, 12)))
    labels = torch.stack([sample.gt_sem_seg.data[0, ::4, ::4] for sample in samples])
    counts = labels != 255
    counts[1, 5:] = False
    counts[1, :, 6:] = False
    own, other = (logits.movedim(1, -1)[counts] for logits in pixel_logits(model, images))
    assert len(own) == 64 - 8 + 30
    value = terms(model, (images, samples))['logit']
    torch.testing.assert_close(value, expected(own, other, labels[counts], 1.0), rtol=1e-4, atol=0)
    check_gradient_reaches(model, (images, samples), 'backbone')


def test_labels_at_places_that_do_not_count_reach_nothing(tmp_path):
    model = taught(tmp_path, 'segmentation', 'DKD')
    images, samples = segmentation_batch()
    samples[1].set_metainfo(dict(padding_size=(0, 8, 0, 12)))
    value = terms(model, (images, samples))['logit']
    samples[1].gt_sem_seg.data[:, 20:] = 255
    torch.testing.assert_close(terms(model, (images, samples))['logit'], value)


def test_a_batch_of_void_alone_is_a_connected_zero(tmp_path):
    model = taught(tmp_path, 'segmentation', 'DKD')
    value = terms(model, segmentation_batch(void=True))['logit']
    assert value == 0 and value.requires_grad


@pytest.mark.parametrize('kind', ['faster_rcnn', 'mask_rcnn'])
def test_detectors_are_compared_at_the_labels_of_the_students_proposals(tmp_path, kind):
    config = tiny_detector(kind)
    model = taught(tmp_path, 'detection', 'DKD', config, config, temperature=1.0, nontarget_weight=0.25)
    images, samples = detection(masks=kind == 'mask_rcnn')
    with Taps(model, [HEARD]) as record:
        value = terms(model, (images, samples))['logit']
    heard, teacher = record[HEARD], teacher_of_model(model)
    with torch.no_grad():
        features = teacher.roi_head.bbox_roi_extractor(teacher.extract_feat(images)[:4], heard['rois'])
        other = teacher.roi_head.bbox_head(features)[0]
    labels = torch.cat([
        torch.cat([found.pos_gt_labels, torch.full((len(found.neg_priors),), 3)])
        for found in heard['sampling_results']])
    assert len(labels) == len(other) and 0 < (labels < 3).sum() < len(labels)
    wanted = expected(heard['cls_score'].detach(), other, labels, 1.0, (1.0, 0.25))
    torch.testing.assert_close(value, wanted, rtol=1e-4, atol=0)
    check_gradient_reaches(model, (images, samples), 'roi_head.bbox_head.fc_cls')


def test_a_detector_without_boxes_still_learns_that_proposals_are_background(tmp_path):
    config = tiny_detector('faster_rcnn')
    model = taught(tmp_path, 'detection', 'DKD', config, config)
    images, samples = detection(counts=(0, 0))
    value = terms(model, (images, samples))['logit']
    assert value.isfinite() and value.requires_grad


def sigmoid_boxes():
    config = tiny_detector('faster_rcnn')
    config.roi_head.bbox_head.loss_cls = dict(type='CrossEntropyLoss', use_sigmoid=True)
    return config


def one_channel():
    config = segmentor(num_classes=2)
    config.decode_head.update(
        out_channels=1, threshold=0.5, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    return config


@pytest.mark.parametrize('kind', ['DKD', 'DIST'])
@pytest.mark.parametrize('task, config, text', [
    ('detection', detector, 'the bbox_head of the detector is a RetinaHead, which has none: use mmkd.LogitKD'),
    ('detection', lambda: tiny_detector('softmax_retinanet'), 'is a RetinaHead, which has none'),
    ('detection', lambda: tiny_detector('gfl'), 'is a GFLHead, which has none'),
    ('detection', lambda: tiny_detector('solo'), 'the mask_head of the detector is a SOLOHead, which has none'),
    ('detection', lambda: tiny_detector('cascade'), 'has no head that could be run'),
    ('detection', sigmoid_boxes, 'each class of the box head is a sigmoid of its own: set loss_cls'),
    ('segmentation', one_channel, 'tells two classes apart by one sigmoid channel: give it out_channels=2'),
])
def test_heads_without_a_softmax_are_refused_when_the_model_is_built(tmp_path, kind, task, config, text):
    with pytest.raises(TypeError, match=text) as refusal:
        taught(tmp_path, task, kind, config(), config())
    assert kind in str(refusal.value) or 'cascade' in str(refusal.value)


@pytest.mark.parametrize('kind', ['DKD', 'DIST'])
def test_a_teacher_of_other_classes_or_without_a_softmax_is_refused(tmp_path, kind):
    with pytest.raises(ValueError, match='num_classes=7 and the student 5'):
        taught(tmp_path, 'classification', kind, teacher=classifier(7))
    with pytest.raises(TypeError, match=f'{kind} compares the softmax over classes of every proposal'):
        taught(tmp_path, 'detection', kind, tiny_detector('faster_rcnn'), sigmoid_boxes())


@pytest.mark.parametrize('method', [
    dict(type='mmkd.DKD', target_weight=0, nontarget_weight=0), dict(type='mmkd.DKD', weight=0),
    dict(type='mmkd.DIST', inter_weight=0, intra_weight=0)])
def test_with_both_weights_0_nothing_is_computed_and_no_teacher_needed(method):
    model = build(distilling(classifier(), dict(method=method)), 'mmpretrain')
    assert not [key for key in model.loss(*loud_images()) if 'distill' in key]


def test_while_both_weights_are_0_the_teacher_does_not_run(tmp_path):
    later = dict(type='Ramp', begin=5, end=6, by_epoch=False)
    model = taught(tmp_path, 'classification', 'DKD', target_weight=later, nontarget_weight=later)
    calls = []
    teacher_of_model(model).register_forward_hook(lambda *call: calls.append(call))
    MessageHub.get_current_instance().update_info('iter', 0)
    assert terms(model, loud_images()) == {} and not calls
    MessageHub.get_current_instance().update_info('iter', 7)
    assert terms(model, loud_images())['logit'] > 0 and calls
    MessageHub.get_current_instance().update_info('iter', 0)


@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0), 'DKD.temperature'), (dict(target_weight=-1), 'DKD.target_weight'),
    (dict(alpha=1), r"has the arguments \['alpha'\]")])
def test_bad_arguments(tmp_path, arguments, text):
    with pytest.raises(ValueError, match=text):
        taught(tmp_path, 'classification', 'DKD', **arguments)
