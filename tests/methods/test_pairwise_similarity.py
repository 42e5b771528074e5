import pytest
import torch

from tests.detectors import batch as detection
from tests.detectors import tiny_detector
from tests.losses.test_pairwise_similarity import plain
from tests.methods.taught_students import check_gradient_reaches, deepest_maps, taught, terms
from tests.methods.test_cirkd import DECODER
from tests.methods.test_rkd import wide
from tests.students import classification_batch, segmentation_batch


def same(value, wanted):
    torch.testing.assert_close(value.double(), wanted, rtol=1e-3, atol=1e-8)


@pytest.mark.parametrize('window', [1, 2])
def test_positions_of_the_decoder_are_related_within_every_image(tmp_path, window):
    model = taught(tmp_path, 'segmentation', 'PairwiseSimilarity', weight=10.0, window=window)
    images, samples = segmentation_batch(batch=3)
    samples[0].gt_sem_seg.data[:] = 255  # void counts
    own, other = (maps[0].double() for maps in deepest_maps(model, images, DECODER))
    value = terms(model, (images, samples))
    assert list(value) == ['pairwise']
    same(value['pairwise'], 10 * plain(own, other, window))
    check_gradient_reaches(model, (images, samples), 'neck')
    assert not list(model.distill.parameters())


def test_padding_counts_nowhere(tmp_path):
    model = taught(tmp_path, 'segmentation', 'PairwiseSimilarity')
    images, samples = segmentation_batch()
    samples[1].set_metainfo(dict(padding_size=(0, 8, 0, 12)))
    counts = torch.ones(2, 8, 8, dtype=torch.bool)
    counts[1, 5:] = False
    counts[1, :, 6:] = False
    own, other = (maps[0].double() for maps in deepest_maps(model, images, DECODER))
    same(terms(model, (images, samples))['pairwise'], plain(own, other, 2, counts))


def test_levels_of_a_detectors_neck_without_its_padding_are_summed(tmp_path):
    config = tiny_detector('retinanet')
    model = taught(tmp_path, 'detection', 'PairwiseSimilarity', config, config, levels=[0, 1])
    images, samples = detection()  # the second image is 64 x 100 in a batch of 96 x 128
    own, other = deepest_maps(model, images, ['neck.fpn_convs.0', 'neck.fpn_convs.1'])
    wanted = 0
    for level, (rows, columns, valid_rows, valid_columns) in enumerate([(12, 16, 8, 13), (6, 8, 4, 7)]):
        counts = torch.ones(2, rows, columns, dtype=torch.bool)
        counts[1, valid_rows:] = False
        counts[1, :, valid_columns:] = False
        wanted = wanted + plain(own[level].double(), other[level].double(), 2, counts)
    same(terms(model, (images, samples))['pairwise'], wanted)
    check_gradient_reaches(model, (images, samples), 'neck')


def test_positions_of_the_deepest_map_of_a_classifier_of_any_width(tmp_path):
    model = taught(tmp_path, 'classification', 'PairwiseSimilarity', teacher=wide())
    batch = classification_batch()
    own, other = (maps[0].double() for maps in deepest_maps(model, batch[0], ['backbone.layer4']))
    same(terms(model, batch)['pairwise'], plain(own, other, 2))


def test_bad_arguments(tmp_path):
    with pytest.raises(ValueError, match='window is 0'):
        taught(tmp_path, 'segmentation', 'PairwiseSimilarity', window=0)
