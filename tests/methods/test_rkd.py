import pytest
import torch

from tests.losses.test_relative_geometry import plain_angle, plain_distance
from tests.methods.taught_students import (
    check_gradient_reaches,
    deepest_maps,
    loud_images,
    taught,
    terms,
)
from tests.students import classification_batch, classifier
from tests.teachers import teacher_of

PLACE = ['head.pre_logits']


def wide(width=16):
    """A classifier with embeddings of another length."""
    config = classifier()
    config.backbone.update(base_channels=width, stem_channels=width)
    config.head.in_channels = 8 * width
    return config


def embeddings(model, images):
    return [maps[0].double() for maps in deepest_maps(model, images, PLACE)]


@pytest.mark.parametrize('teacher', [classifier, wide])
def test_embeddings_of_any_width_are_related_to_each_other(tmp_path, teacher):
    model = taught(tmp_path, 'classification', 'RKD', teacher=teacher(), weight=2.0, angle_weight=3.0)
    batch = classification_batch()
    value, rows = terms(model, batch), embeddings(model, batch[0])
    assert list(value) == ['distance', 'angle']
    torch.testing.assert_close(value['distance'].double(), 2 * 25 * plain_distance(*rows), rtol=1e-4, atol=0)
    torch.testing.assert_close(value['angle'].double(), 2 * 3 * plain_angle(*rows), rtol=1e-4, atol=0)
    check_gradient_reaches(model, batch, 'backbone.conv1')
    assert not list(model.distill.parameters())


@pytest.mark.parametrize('term', ['distance', 'angle'])
def test_a_term_of_weight_0_is_left_out(tmp_path, term):
    model = taught(tmp_path, 'classification', 'RKD', **{f'{term}_weight': 0})
    assert set(terms(model, classification_batch())) == {'distance', 'angle'} - {term}


def test_some_rows_of_a_large_batch_span_angles_and_all_of_them_distances(tmp_path):
    model = taught(tmp_path, 'classification', 'RKD', max_rows=3, distance_weight=1.0, angle_weight=1.0)
    batch = loud_images()
    rows = embeddings(model, batch[0])
    triples = [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]]
    wanted = torch.stack([plain_angle(*(side[triple] for side in rows)) for triple in triples])
    seen = set()
    for seed in range(12):
        torch.manual_seed(seed)
        value = terms(model, batch)
        torch.testing.assert_close(value['distance'].double(), plain_distance(*rows), rtol=1e-4, atol=0)
        near = (value['angle'].double() / wanted - 1).abs() < 1e-3
        assert near.sum() == 1
        seen.add(near.nonzero().item())
        torch.manual_seed(seed)
        torch.testing.assert_close(terms(model, batch), value)
    assert len(seen) > 1


def test_two_teachers_are_asked_about_the_same_rows(tmp_path):
    from tests.students import build, distilling

    teachers = [teacher_of(tmp_path, classifier(), 'mmpretrain', seed) for seed in (3, 4)]
    method = dict(type='mmkd.RKD', max_rows=3, distance_weight=0)
    model = build(distilling(classifier(), dict(method=method), teacher=teachers), 'mmpretrain').eval()
    asked = []
    loss = model.distill.methods['method'].losses_of['angle']
    loss.register_forward_pre_hook(lambda module, rows: asked.append(rows[0]))
    terms(model, classification_batch())
    assert len(asked) == 2 and len(asked[0]) == 3
    torch.testing.assert_close(*asked)


def test_one_image_is_a_connected_zero(tmp_path):
    model = taught(tmp_path, 'classification', 'RKD')
    images, samples = classification_batch()
    for value in terms(model, (images[:1], samples[:1])).values():
        assert value == 0 and value.requires_grad


@pytest.mark.parametrize('task', ['segmentation', 'detection'])
def test_other_tasks_are_refused_when_the_model_is_built(tmp_path, task):
    with pytest.raises(TypeError, match=f'the student is a {task} model, which has none: use mmkd.Sim'):
        taught(tmp_path, task, 'RKD')


def test_max_rows_below_two():
    from mmkd.methods import RKD

    with pytest.raises(ValueError, match='max_rows=1, but a relation needs two images'):
        RKD(max_rows=1)
