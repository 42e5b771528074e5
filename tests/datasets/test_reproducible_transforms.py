"""Random transforms that give an image the same looks again."""

import random

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS, init_default_scope

from mmkd.datasets.reproducible_transforms import ReproducibleTransforms


class Draw(BaseTransform):
    """Draws from all generators."""

    def transform(self, results):
        drawn = [random.random(), np.random.rand(), np.random.randn(), torch.rand(1).item()]
        return dict(results, drawn=drawn)


def look(name, **arguments):
    return ReproducibleTransforms([Draw()], **arguments)(dict(img_path=name))['drawn']


def seed(number):
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def test_an_image_has_one_look_whatever_was_drawn_before():
    seed(1)
    first = look('a.jpg')
    seed(2)
    assert look('a.jpg') == first
    others = [look('b.jpg'), look('a.jpg', seed=1)]
    assert all(a != b for other in others for a, b in zip(first, other, strict=True))


def test_the_generators_are_as_before():
    seed(3)
    expected = Draw()({})['drawn']
    seed(3)
    look('a.jpg')
    assert Draw()({})['drawn'] == expected
    seed(3)
    with pytest.raises(ZeroDivisionError):
        ReproducibleTransforms([lambda results: 1 / 0])(dict(img_path='a.jpg'))
    assert Draw()({})['drawn'] == expected


def test_views_are_drawn_evenly_and_each_is_one_look():
    seed(4)
    looks = [tuple(look('a.jpg', num_views=3)) for _ in range(60)]
    assert len(set(looks)) == 3 and min(looks.count(each) for each in set(looks)) > 8
    assert tuple(look('a.jpg')) in looks


def test_an_image_without_a_path_is_told_by_its_number():
    transform = ReproducibleTransforms([Draw()])
    first, second, again = (transform(dict(sample_idx=index))['drawn'] for index in (0, 1, 0))
    assert first == again != second
    with pytest.raises(ValueError, match=r"needs one of \('img_path', .* but the results have \['img'\]"):
        transform(dict(img=1))


def test_a_dropped_image_stays_dropped():
    assert ReproducibleTransforms([lambda results: None])(dict(img_path='a.jpg')) is None


def test_no_view_is_refused():
    with pytest.raises(ValueError, match='num_views=0, but at least 1 is needed'):
        ReproducibleTransforms([], num_views=0)


@pytest.mark.parametrize('scope', ['mmseg', 'mmdet', 'mmpretrain'])
def test_it_is_built_in_the_scope_of_every_toolbox(scope):
    init_default_scope(scope)
    flip = dict(type='RandomFlip', prob=0.5, **(dict(direction='horizontal') if scope == 'mmpretrain' else {}))
    config = dict(type='mmkd.ReproducibleTransforms', transforms=[flip], num_views=2)
    transform = TRANSFORMS.build(config)
    # mmpretrain has no flip of its own
    module = {'mmpretrain': 'mmcv'}.get(scope, scope)
    assert type(transform.transforms.transforms[0]).__module__.startswith(module)
    assert 'num_views=2' in repr(transform)
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    found = [transform(dict(img=image, img_path=f'{i}.jpg', img_shape=(2, 2)))['img'] for i in range(20)]
    assert len({each.tobytes() for each in found}) == 2
