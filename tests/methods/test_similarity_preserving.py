import math

import pytest
import torch

from tests.detectors import batch as detection
from tests.detectors import tiny_detector
from tests.losses.test_batch_similarity import plain
from tests.methods.taught_students import check_gradient_reaches, deepest_maps, taught, terms
from tests.methods.test_rkd import wide
from tests.students import STUDENTS, classification_batch, classifier, detection_batch, segmentation_batch, segmentor

BATCHES = dict(classification=classification_batch, segmentation=segmentation_batch, detection=detection_batch)


def double(maps):
    return [level.double() for level in maps]


@pytest.mark.parametrize('task', list(STUDENTS))
def test_the_deepest_maps_of_all_pairs_of_images_are_compared(tmp_path, task):
    model = taught(tmp_path, task, 'SimilarityPreserving', weight=3000.0)
    batch = BATCHES[task]()
    own, other = (double(maps) for maps in deepest_maps(model, batch[0], ['backbone.layer4']))
    value = terms(model, batch)
    assert list(value) == ['similarity']
    torch.testing.assert_close(value['similarity'].double(), 3000 * plain(own[0], other[0]), rtol=1e-3, atol=1e-5)
    check_gradient_reaches(model, batch, 'backbone.conv1')
    assert not list(model.distill.parameters())


@pytest.mark.parametrize('levels, teacher_levels', [([0, 2], None), ([0, 2], [1, 3]), (None, None)])
def test_levels_are_summed_and_need_no_common_size(tmp_path, levels, teacher_levels):
    chosen = dict(levels=levels, teacher_levels=teacher_levels)
    model = taught(tmp_path, 'classification', 'SimilarityPreserving', teacher=wide(), **chosen)
    batch = classification_batch()
    places = [f'backbone.layer{number}' for number in range(1, 5)]
    own, other = (double(maps) for maps in deepest_maps(model, batch[0], places))
    chosen = levels or range(4), teacher_levels or levels or range(4)
    wanted = sum(plain(own[i], other[j]) for i, j in zip(*chosen, strict=True))
    torch.testing.assert_close(terms(model, batch)['similarity'].double(), wanted, rtol=1e-3, atol=1e-8)


def test_where_a_network_has_more_levels_the_deepest_are_paired(tmp_path):
    teacher = segmentor()
    teacher.backbone.update(out_indices=(1, 2, 3))
    teacher.neck.in_channels = [16, 32, 64]
    model = taught(tmp_path, 'segmentation', 'SimilarityPreserving', teacher=teacher, levels=None)
    batch = segmentation_batch()
    own, other = (double(maps) for maps in deepest_maps(model, batch[0], [f'backbone.layer{i}' for i in (2, 3, 4)]))
    wanted = sum(plain(*level) for level in zip(own, other, strict=True))
    torch.testing.assert_close(terms(model, batch)['similarity'].double(), wanted, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize('source, place, stride', [('backbone', 'backbone.layer1', 4), ('neck', 'neck.fpn_convs.0', 8)])
def test_padding_adds_nothing_to_any_network(tmp_path, source, place, stride):
    config = tiny_detector('retinanet')
    model = taught(tmp_path, 'detection', 'SimilarityPreserving', config, config, source=source, levels=[0])
    images, samples = detection()  # the second image is 64 x 100 in a batch of 96 x 128
    own, other = (double(maps)[0] for maps in deepest_maps(model, images, [place]))
    assert own.shape[-2:] == (96 // stride, 128 // stride)
    whole = plain(own, other)
    for side in (own, other):
        side[1, :, 64 // stride:] = 0
        side[1, :, :, math.ceil(100 / stride):] = 0
    wanted = plain(own, other)
    value = terms(model, (images, samples))['similarity']
    torch.testing.assert_close(value.double(), wanted, rtol=1e-3, atol=0)
    assert (whole / wanted - 1).abs() > 0.01


def test_one_image_is_a_connected_zero(tmp_path):
    model = taught(tmp_path, 'classification', 'SimilarityPreserving')
    images, samples = classification_batch()
    value = terms(model, (images[:1], samples[:1]))['similarity']
    assert value == 0 and value.requires_grad


def test_a_teacher_of_other_classes_and_another_toolbox_will_do(tmp_path):
    from tests.students import build, distilling
    from tests.teachers import teacher_of

    teacher = teacher_of(tmp_path, classifier(7), 'mmpretrain')
    methods = dict(method=dict(type='mmkd.SimilarityPreserving'))
    model = build(distilling(segmentor(), methods, teacher=teacher), 'mmseg')
    assert terms(model, segmentation_batch())['similarity'] > 0


def test_levels_that_do_not_exist(tmp_path):
    with pytest.raises(ValueError, match='there are 4: choose among 0 to 3'):
        taught(tmp_path, 'classification', 'SimilarityPreserving', levels=[4])
    with pytest.raises(ValueError, match='this classification model has'):
        taught(tmp_path, 'classification', 'SimilarityPreserving', source='decoder')
