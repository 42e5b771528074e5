import torch

from mmkd.taps import Taps
from tests.detectors import batch as detection
from tests.detectors import tiny_detector
from tests.losses.test_class_correlation import plain
from tests.methods.taught_students import check_gradient_reaches, loud_images, taught, teacher_of_model, terms
from tests.methods.test_dkd import HEARD, class_logits, pixel_logits
from tests.students import segmentation_batch


def expected(student, teacher, temperature=1.0, weights=(1.0, 1.0)):
    parts = plain(student.double(), teacher.double(), temperature)
    return torch.tensor(sum(weight * part for weight, part in zip(weights, parts, strict=True))).float()


def test_classifiers_correlate_over_classes_and_over_the_batch(tmp_path):
    model = taught(
        tmp_path, 'classification', 'DIST', weight=3.0, inter_weight=2.0, intra_weight=0.5, temperature=4.0)
    batch = loud_images()
    value = terms(model, batch)
    assert list(value) == ['logit']
    wanted = 3 * expected(*class_logits(model, batch[0]), 4.0, (2.0, 0.5))
    torch.testing.assert_close(value['logit'], wanted, rtol=1e-3, atol=1e-5)
    check_gradient_reaches(model, batch, 'backbone.conv1')


def test_one_image_correlates_over_classes_alone(tmp_path):
    model = taught(tmp_path, 'classification', 'DIST')
    images, samples = loud_images()
    rows = class_logits(model, images)
    value = terms(model, (images[:1], samples[:1]))['logit']
    inter = 1 - torch.corrcoef(torch.stack([row[0].softmax(0) for row in rows]))[0, 1]
    torch.testing.assert_close(value, inter, rtol=1e-3, atol=1e-5)


def test_segmentors_correlate_over_pixels_that_are_neither_void_nor_padding(tmp_path):
    model = taught(tmp_path, 'segmentation', 'DIST')
    images, samples = segmentation_batch()
    samples[0].gt_sem_seg.data[:, :8, :16] = 255
    samples[1].set_metainfo(dict(padding_size=(0, 8, 0, 12)))
    counts = torch.ones(2, 8, 8, dtype=torch.bool)
    counts[0, :2, :4] = False
    counts[1, 5:] = False
    counts[1, :, 6:] = False
    rows = [logits.movedim(1, -1)[counts] for logits in pixel_logits(model, images)]
    value = terms(model, (images, samples))['logit']
    torch.testing.assert_close(value, expected(*rows), rtol=1e-3, atol=1e-5)
    check_gradient_reaches(model, (images, samples), 'backbone')


def test_a_batch_of_void_alone_is_a_connected_zero(tmp_path):
    model = taught(tmp_path, 'segmentation', 'DIST')
    value = terms(model, segmentation_batch(void=True))['logit']
    assert value == 0 and value.requires_grad


def test_detectors_correlate_over_the_students_proposals(tmp_path):
    config = tiny_detector('faster_rcnn')
    model = taught(tmp_path, 'detection', 'DIST', config, config)
    images, samples = detection()
    with Taps(model, [HEARD]) as record:
        value = terms(model, (images, samples))['logit']
    teacher = teacher_of_model(model)
    with torch.no_grad():
        features = teacher.roi_head.bbox_roi_extractor(teacher.extract_feat(images)[:4], record[HEARD]['rois'])
        other = teacher.roi_head.bbox_head(features)[0]
    torch.testing.assert_close(value, expected(record[HEARD]['cls_score'].detach(), other), rtol=1e-3, atol=1e-4)
    check_gradient_reaches(model, (images, samples), 'roi_head.bbox_head.fc_cls')
