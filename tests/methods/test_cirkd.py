import pytest
import torch
from mmengine.logging import MessageHub

from tests.detectors import batch as detection
from tests.detectors import tiny_detector
from tests.losses.test_pixel_relation import plain
from tests.methods.taught_students import check_gradient_reaches, deepest_maps, taught, teacher_of_model, terms
from tests.methods.test_rkd import wide
from tests.students import classification_batch, segmentation_batch

DECODER = ['decode_head.cls_seg:input[0]']


def same(value, wanted):
    torch.testing.assert_close(value.double(), wanted, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize('temperature', [0.1, 1.0])
def test_pixels_of_the_decoder_are_related_to_those_of_all_images(tmp_path, temperature):
    model = taught(tmp_path, 'segmentation', 'CIRKD', weight=2.0, temperature=temperature)
    batch = segmentation_batch(batch=3)
    own, other = (maps[0].double() for maps in deepest_maps(model, batch[0], DECODER))
    value = terms(model, batch)
    assert list(value) == ['pixel'] and own.shape == (3, 16, 8, 8)
    same(value['pixel'], 2 * plain(own, other, temperature))
    check_gradient_reaches(model, batch, 'neck')
    assert not list(model.distill.parameters())


def test_void_and_padding_count_nowhere(tmp_path):
    model = taught(tmp_path, 'segmentation', 'CIRKD')
    images, samples = segmentation_batch()
    samples[0].gt_sem_seg.data[:, :8, :16] = 255
    samples[1].set_metainfo(dict(padding_size=(0, 8, 0, 12)))
    counts = torch.ones(2, 8, 8, dtype=torch.bool)
    counts[0, :2, :4] = False
    counts[1, 5:] = False
    counts[1, :, 6:] = False
    own, other = (maps[0].double() for maps in deepest_maps(model, images, DECODER))
    same(terms(model, (images, samples))['pixel'], plain(own, other, 0.1, counts))


def test_a_batch_of_void_alone_is_a_connected_zero(tmp_path):
    model = taught(tmp_path, 'segmentation', 'CIRKD')
    value = terms(model, segmentation_batch(void=True))['pixel']
    assert value == 0 and value.requires_grad


def test_one_image_is_related_to_itself(tmp_path):
    model = taught(tmp_path, 'segmentation', 'CIRKD')
    batch = segmentation_batch(batch=1)
    own, other = (maps[0].double() for maps in deepest_maps(model, batch[0], DECODER))
    same(terms(model, batch)['pixel'], plain(own, other, 0.1))


def test_large_maps_are_averaged(tmp_path):
    model = taught(tmp_path, 'segmentation', 'CIRKD', max_positions=16)
    batch = segmentation_batch()
    pooled = [torch.nn.functional.avg_pool2d(maps[0].double(), 2) for maps in deepest_maps(model, batch[0], DECODER)]
    same(terms(model, batch)['pixel'], plain(*pooled, 0.1))


def test_temperatures_take_schedules(tmp_path):
    ramp = dict(type='Ramp', begin=0, end=2, start=1.0, stop=0.2, by_epoch=False)
    model = taught(tmp_path, 'segmentation', 'CIRKD', temperature=ramp)
    batch = segmentation_batch()
    own, other = (maps[0].double() for maps in deepest_maps(model, batch[0], DECODER))
    for iteration, temperature in ((0, 0.6), (1, 0.2)):
        MessageHub.get_current_instance().update_info('iter', iteration)
        same(terms(model, batch)['pixel'], plain(own, other, temperature))
    MessageHub.get_current_instance().update_info('iter', 0)


def test_levels_of_a_detectors_neck_without_its_padding_are_summed(tmp_path):
    config = tiny_detector('retinanet')
    model = taught(tmp_path, 'detection', 'CIRKD', config, config, levels=[0, 1], max_positions=10**6)
    images, samples = detection()  # the second image is 64 x 100 in a batch of 96 x 128
    own, other = deepest_maps(model, images, ['neck.fpn_convs.0', 'neck.fpn_convs.1'])
    wanted = 0
    for level, (rows, columns, valid_rows, valid_columns) in enumerate([(12, 16, 8, 13), (6, 8, 4, 7)]):
        counts = torch.ones(2, rows, columns, dtype=torch.bool)
        counts[1, valid_rows:] = False
        counts[1, :, valid_columns:] = False
        wanted = wanted + plain(own[level].double(), other[level].double(), 0.1, counts)
    same(terms(model, (images, samples))['pixel'], wanted)
    check_gradient_reaches(model, (images, samples), 'neck')


def test_positions_of_the_deepest_map_of_a_classifier_of_any_width(tmp_path):
    model = taught(tmp_path, 'classification', 'CIRKD', teacher=wide())
    batch = classification_batch()
    own, other = (maps[0].double() for maps in deepest_maps(model, batch[0], ['backbone.layer4']))
    assert own.shape[1] != other.shape[1]
    same(terms(model, batch)['pixel'], plain(own, other, 0.1))


def test_maps_of_different_sizes_are_averaged_to_the_smaller(tmp_path):
    from tests.students import segmentor

    teacher = segmentor()
    teacher.decode_head.update(in_index=[1, 2, 3], in_channels=[16] * 3, feature_strides=[8, 16, 32])
    model = taught(tmp_path, 'segmentation', 'CIRKD', teacher=teacher)
    images, samples = segmentation_batch()
    own, other = (maps[0].double() for maps in deepest_maps(model, images, DECODER))
    assert own.shape[-1] == 2 * other.shape[-1]
    same(terms(model, (images, samples))['pixel'], plain(torch.nn.functional.avg_pool2d(own, 2), other, 0.1))


@pytest.mark.parametrize('arguments, text', [
    (dict(temperature=0), 'CIRKD.temperature'), (dict(max_positions=0), 'max_positions is 0'),
    (dict(source='head'), "source='head'")])
def test_bad_arguments(tmp_path, arguments, text):
    with pytest.raises(ValueError, match=text):
        taught(tmp_path, 'segmentation', 'CIRKD', **arguments)


def test_the_teacher_is_not_trained(tmp_path):
    model = taught(tmp_path, 'segmentation', 'CIRKD')
    assert not any(parameter.requires_grad for parameter in teacher_of_model(model).parameters())
